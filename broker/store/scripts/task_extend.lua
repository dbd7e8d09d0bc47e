-- Move a deadline: never back, because leases and children rest on it, and never past the task's last
-- one nor an ancestor's. Once for each idempotency key. KEYS: meta cuts due out open-siblings idem path…,
-- then the tasks below those above it that bound them
-- (a root has no siblings: it passes its own open children, among which it is not)
-- ARGV: id, op, ttl, facts, tenant, detail, earliest, latest, digest, retention, graph,
--       how many of those above it bound what is below them
local now, told = believed_clock(ARGV[7], ARGV[8])
if not now then return {'clock', text(told)} end
local last = #KEYS - tonumber(ARGV[12])
local known = redis.call('HGET', KEYS[6], 'digest')
if known and known ~= ARGV[9] then return {'conflict'} end
local ended = path_ended(7, last, now)
if ended then return {'closed', ended} end
if known then return {'repeat'} end
if has_read_older(ARGV[4], ARGV[11]) then return {'stale'} end
local _, parents = path_ended(7, last - 1, now)
local node = redis.call('HMGET', KEYS[last], 'deadline', 'last_deadline')
local ends = math.max(tonumber(node[1]), math.min(now + tonumber(ARGV[3]), tonumber(node[2]), parents))
for i = last + 1, #KEYS do redis.call('ZCARD', KEYS[i]) end
redis.call('ZCARD', KEYS[5])  -- stops here if it is not what it must be: nothing is written yet

-- The sweep looks at once and re-scores: one place computes when to look next.
redis.call('ZADD', KEYS[3], text(now), 't:' .. ARGV[1])
tell('task.extended', now, ARGV[2], ARGV[5], '', '', 0, ARGV[6])
redis.call('HSET', KEYS[last], 'deadline', text(ends))
redis.call('ZADD', KEYS[5], 'XX', text(ends), ARGV[1])
for i = last + 1, #KEYS do redis.call('ZADD', KEYS[i], 'XX', text(ends), ARGV[1]) end
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[6], 'digest', ARGV[9], 'id', ARGV[1])
  redis.call('PEXPIREAT', KEYS[6], text(tonumber(node[2]) + tonumber(ARGV[10])))
end
return {'ok', text(ends)}
