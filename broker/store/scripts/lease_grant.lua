-- Reserve a lease, and for a local mint activate it in the same breath: judged by one clock, which
-- also dates the token. KEYS: meta cuts due out live lease idem audiences ix-capability leases ix-issuer path…
-- ARGV: id, op, task, path, instance, state, ttl, max_ttl, evidence_exp, facts, tenant, agent,
--       issuer, capability, audience, quota, outbox_max, digest, retention, key_id, spec, earliest,
--       latest
local now, told = believed_clock(ARGV[22], ARGV[23])
if not now then return {'clock', text(told)} end
local known = redis.call('HMGET', KEYS[7], 'digest', 'id', 'generation', 'issued', 'expires', 'most', 'key_id')
if known[1] then
  if known[1] ~= ARGV[18] then return {'conflict'} end
  return {'repeat', known[2], known[3], known[4], known[5], known[6], known[7]}
end
local last = #KEYS
local node = redis.call('HMGET', KEYS[last], 'path', 'instance')
if node[1] ~= ARGV[4] or node[2] ~= ARGV[5] then return {'absent'} end
local ended, deadline = path_ended(12, last, now)
if ended then return {'closed', ended} end
if is_cut(now, ARGV[11], ARGV[12], ARGV[13], ARGV[14]) then return {'cut'} end
if tonumber(redis.call('HGET', KEYS[1], 'facts') or '0') > tonumber(ARGV[10]) then return {'stale'} end
if outbox_is_full(tonumber(ARGV[17])) then return {'full'} end
if redis.call('ZCOUNT', KEYS[5], '(' .. text(now), '+inf') >= tonumber(ARGV[16]) then return {'quota'} end
-- Tokens count in seconds: rounding down keeps the token from outliving its lease.
local most = math.floor(math.min(now + tonumber(ARGV[8]), deadline) / 1000) * 1000
local expires = math.floor(math.min(now + tonumber(ARGV[7]), most, tonumber(ARGV[9])) / 1000) * 1000
if expires - now < 1000 then return {'too-short'} end

local issued, ends = text(now), text(expires)
redis.call('ZADD', KEYS[3], ends, 'l:' .. ARGV[1] .. ':' .. ARGV[3])
redis.call('HSET', KEYS[6], 'state', ARGV[6], 'issued', issued, 'expires', ends, 'max_expires', text(most),
  'generation', 1, 'path', ARGV[4], 'task', ARGV[3], 'instance', ARGV[5], 'tenant', ARGV[11], 'agent', ARGV[12],
  'issuer', ARGV[13], 'capability', ARGV[14], 'audience', ARGV[15], 'key_id', ARGV[20], 'spec', ARGV[21])
redis.call('ZADD', KEYS[5], ends, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[10], '-inf', text(now - 2 * tonumber(ARGV[19])))
redis.call('ZADD', KEYS[10], issued, ARGV[1])
redis.call('SADD', KEYS[8], ARGV[15])
redis.call('ZADD', KEYS[9], 'NX', issued, ARGV[3])
redis.call('ZADD', KEYS[11], 'NX', issued, ARGV[3])
for i = 12, last do
  local latest = tonumber(redis.call('HGET', KEYS[i], 'lx') or '0')
  redis.call('HSET', KEYS[i], 'seen', issued, 'lx', text(math.max(latest, expires)))
end
if ARGV[18] ~= '' then
  redis.call('HSET', KEYS[7], 'digest', ARGV[18], 'id', ARGV[1], 'generation', 1, 'issued', issued, 'expires', ends, 'most', text(most), 'key_id', ARGV[20])
  redis.call('PEXPIREAT', KEYS[7], text(most + tonumber(ARGV[19])))
end
tell('lease.issued', now, ARGV[2], ARGV[11], '', '', 0, dated(ARGV[21], issued, ends))
return {'ok', ARGV[1], '1', issued, ends, text(most), ARGV[20]}
