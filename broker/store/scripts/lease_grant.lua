-- Reserve a lease, and for a local mint activate it in the same breath: judged by one clock, which
-- also dates the token. KEYS: meta cuts due out live lease idem audiences ix-capability leases ix-issuer path…,
-- then where its agent speaks of a tool: ix-tool
-- ARGV: id, op, task, path, instance, state, ttl, max_ttl, evidence_exp, facts, tenant, agent,
--       issuer, capability, audience, quota, outbox_max, digest, retention, key_id, spec,
--       how long a task remembers its leases, earliest, latest, manifest of the key, target,
--       how long its minting may take, graph, what was asked, when time alone may change the answer (0: never),
--       1 where its agent speaks of a tool
-- With a target the due queue comes back to it unless it is activated: nobody knows then what exists.
local now, told = believed_clock(ARGV[23], ARGV[24])
if not now then return {'clock', text(told)} end
local known = ARGV[18] ~= '' and
  redis.call('HMGET', KEYS[7], 'digest', 'id', 'generation', 'issued', 'expires', 'most', 'key_id')
if known and known[1] then
  if known[1] ~= ARGV[18] then return {'conflict'} end
  return {'repeat', known[2], known[3], known[4], known[5], known[6], known[7]}
end
if redis.call('EXISTS', KEYS[6]) == 1 then
  local mine = redis.call('HMGET', KEYS[6], 'generation', 'issued', 'expires', 'max_expires', 'key_id')
  return {'repeat', ARGV[1], unpack(mine)}
end
local last, nodes = #KEYS - tonumber(ARGV[31]), {}
for i = 12, last do nodes[i] = node_at(i, 'path', 'instance', 'lenders', 'lx', 'listed') end
local opener_issuer, path, instance, lent = nodes[last][6], unpack(nodes[last], 8, 10)
if path ~= ARGV[4] or instance ~= ARGV[5] then return {'absent'} end
local ended, deadline = path_ended(12, last, now, nodes, now)
if ended then return {'closed', ended} end
if is_cut(now, ARGV[11], ARGV[12], ARGV[13], ARGV[14]) then return {'cut'} end
if is_stale(ARGV[10], ARGV[28], ARGV[25], ARGV[20]) then return {'stale'} end
if outbox_is_full(tonumber(ARGV[17])) then return {'full'} end
local quota = tonumber(ARGV[16])
if redis.call('ZCARD', KEYS[5]) >= quota and redis.call('ZCOUNT', KEYS[5], '(' .. text(now), '+inf') >= quota then
  return {'quota'}
end
-- Tokens count in seconds: rounding down keeps the token from outliving its lease.
local most = math.floor(math.min(now + tonumber(ARGV[8]), deadline) / 1000) * 1000
local expires = math.floor(math.min(now + tonumber(ARGV[7]), most, tonumber(ARGV[9])) / 1000) * 1000
if expires - now < 1000 then return {'too-short'} end

-- What has been written stays, so a key that is not what it must be stops the script here.
-- Where the task's last lease had it listed it stays listed, so these are looked at for another one only.
local listed = table.concat({ARGV[14], ARGV[15], ARGV[13]}, '\n')
local is_known = nodes[last][12] == listed
local is_heard = is_known or redis.call('SISMEMBER', KEYS[8], ARGV[15]) == 1
local is_listed = is_known or redis.call('ZSCORE', KEYS[9], ARGV[3])
local is_lent = is_known or redis.call('ZSCORE', KEYS[11], ARGV[3])
-- Of a task that is younger than what is forgotten there is nothing to forget.
local forgotten, long_ago = 0, now - tonumber(ARGV[22])
if tonumber(nodes[last][3]) <= long_ago then forgotten = redis.call('ZCOUNT', KEYS[10], '-inf', text(long_ago)) end
if last < #KEYS then redis.call('ZCARD', KEYS[#KEYS]) end
local latest = {}
for i = 12, last do latest[i] = math.max(tonumber(nodes[i][11] or '0'), expires) end

local issued, ends = text(now), text(expires)
redis.call('ZADD', KEYS[3], ends, 'l:' .. ARGV[1] .. ':' .. ARGV[3])
tell('lease.issued', now, ARGV[2], ARGV[11], '', '', 0, dated(ARGV[21], issued, ends))
redis.call('HSET', KEYS[6], 'state', ARGV[6], 'issued', issued, 'expires', ends, 'max_expires', text(most),
  'generation', 1, 'path', ARGV[4], 'task', ARGV[3], 'instance', ARGV[5], 'tenant', ARGV[11], 'agent', ARGV[12],
  'issuer', ARGV[13], 'capability', ARGV[14], 'audience', ARGV[15], 'key_id', ARGV[20], 'spec', ARGV[21], 'asked', ARGV[29])
local doubtful = tonumber(ARGV[30])
if doubtful > 0 and doubtful < expires then
  redis.call('ZADD', KEYS[3], text(doubtful), 'c:' .. ARGV[1] .. ':' .. ARGV[3])
end
if ARGV[26] ~= '' then
  redis.call('ZADD', KEYS[3], text(now + tonumber(ARGV[27])), 'v:' .. ARGV[1])
  redis.call('HSET', KEYS[6], 'target', ARGV[26])
end
redis.call('ZADD', KEYS[5], ends, ARGV[1])
-- A few at a time, however many there are: no script holds the server for long.
if forgotten > 0 then redis.call('ZREMRANGEBYRANK', KEYS[10], 0, math.min(forgotten, 100) - 1) end
redis.call('ZADD', KEYS[10], issued, ARGV[1])
if not is_heard then redis.call('SADD', KEYS[8], ARGV[15]) end
if not is_listed then redis.call('ZADD', KEYS[9], issued, ARGV[3]) end
if not is_lent then redis.call('ZADD', KEYS[11], issued, ARGV[3]) end
if last < #KEYS then redis.call('ZADD', KEYS[#KEYS], 'NX', issued, ARGV[3]) end
-- The issuers whose index holds this task besides its opener's, to be cleared when it is forgotten.
local lenders = '\n' .. (lent or '') .. '\n'
if ARGV[13] ~= opener_issuer and not string.find(lenders, '\n' .. ARGV[13] .. '\n', 1, true) then
  redis.call('HSET', KEYS[last], 'lenders', (lent and lent .. '\n' or '') .. ARGV[13])
end
if not is_known then redis.call('HSET', KEYS[last], 'listed', listed) end
for i = 12, last do redis.call('HSET', KEYS[i], 'seen', issued, 'lx', text(latest[i])) end
if ARGV[18] ~= '' then
  redis.call('HSET', KEYS[7], 'digest', ARGV[18], 'id', ARGV[1], 'generation', 1, 'issued', issued, 'expires', ends, 'most', text(most), 'key_id', ARGV[20])
  redis.call('PEXPIREAT', KEYS[7], text(most + tonumber(ARGV[19])))
end
return {'ok', ARGV[1], '1', issued, ends, text(most), ARGV[20]}
