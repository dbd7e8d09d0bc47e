-- Ask people to agree to one exact request. The same request waits for one answer, however often it is asked;
-- one that policy sees otherwise by now takes the place of the former.
-- KEYS: meta cuts due out record asking tenant's task's former path…
-- ARGV: id, op, path, instance, tenant, agent, issuer, capability, digest, wanted, brief, how long it may be answered,
--       how long a yes is good, facts, graph, outbox_max, most of one task, retention, earliest, latest, former, detail, task
-- The former is what the caller saw stand for this request ('' for none): if it is another one, look again.
local now, told = believed_clock(ARGV[19], ARGV[20])
if not now then return {'clock', text(told)} end
if redis.call('EXISTS', KEYS[5]) == 1 then return {'repeat', ARGV[1]} end
local known = redis.call('GET', KEYS[6]) or ''
if known ~= ARGV[21] then return {'moved'} end
local path, instance = unpack(redis.call('HMGET', KEYS[#KEYS], 'path', 'instance'))
if path ~= ARGV[3] or instance ~= ARGV[4] then return {'absent'} end
local ended, deadline = path_ended(10, #KEYS, now)
if ended then return {'closed', ended} end
if is_cut(now, ARGV[5], ARGV[6], ARGV[7], ARGV[8]) then return {'cut'} end
if has_read_older(ARGV[14], ARGV[15]) then return {'stale'} end
local former = known ~= '' and redis.call('HMGET', KEYS[9], 'state', 'digest', 'expires', 'brief') or {}
local stands = is_open(former[1]) and tonumber(former[3]) > now
if known ~= '' and former[2] == ARGV[9] and (stands or former[1] == 'denied') then return {'repeat', known} end
if outbox_is_full(tonumber(ARGV[16])) then return {'full'} end
local waiting = redis.call('ZCARD', KEYS[8])
if waiting - (is_open(former[1]) and 1 or 0) >= tonumber(ARGV[17]) then return {'quota'} end
redis.call('ZCARD', KEYS[7])

if is_open(former[1]) then
  end_approval(KEYS[9], known, 'superseded', 'policy-changed', now)
  tell('approval.superseded', now, ARGV[2], ARGV[5], '', '', 0,
    brief_with(former[4], known, {because = 'policy-changed', by = ARGV[1]}))
  tidy_approval(KEYS[9], known, now + tonumber(ARGV[18]))
end
local expires = math.min(now + tonumber(ARGV[12]), deadline)
redis.call('ZADD', KEYS[3], text(expires), 'a:' .. ARGV[1])
tell('approval.requested', now, ARGV[2], ARGV[5], '', '', 0, dated(ARGV[22], text(now), text(expires)))
redis.call('HSET', KEYS[5], 'state', 'pending', 'version', 1, 'digest', ARGV[9], 'wanted', ARGV[10], 'brief', ARGV[11],
  'asked', text(now), 'expires', text(expires), 'good', ARGV[13], 'path', ARGV[3], 'task', ARGV[23], 'tenant', ARGV[5],
  'asking', KEYS[6])
redis.call('ZADD', KEYS[7], text(now), ARGV[1])
redis.call('ZADD', KEYS[8], text(now), ARGV[1])
redis.call('SET', KEYS[6], ARGV[1], 'PXAT', text(deadline + tonumber(ARGV[18])))
return {'ok', ARGV[1]}
