-- Activate a reservation after its credential exists: only if it is still alive and its decision is
-- not older than the facts. KEYS: meta cuts due lease path…   ARGV: id, path, facts, earliest, latest, spec with a trail (or ''), graph
local now, told = believed_clock(ARGV[4], ARGV[5])
if not now then return {'clock', text(told)} end
local lease = redis.call('HMGET', KEYS[4], unpack(LEASE_FIELDS))
local ended = lease_ended(lease, ARGV[2], 5, #KEYS, now)
if ended then return {'closed', ended} end
if has_read_older(ARGV[3], ARGV[7]) then return {'stale'} end
redis.call('HSET', KEYS[4], 'state', 'active')
if ARGV[6] ~= '' then redis.call('HSET', KEYS[4], 'spec', ARGV[6]) end
-- From now on it is its end that brings it to the due queue.
redis.call('ZREM', KEYS[3], 'v:' .. ARGV[1])
return {'ok'}
