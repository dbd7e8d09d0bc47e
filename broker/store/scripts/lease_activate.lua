-- Activate a reservation after its credential exists: only if it is still alive and its decision is
-- not older than the facts. KEYS: meta cuts lease path…   ARGV: path, facts, earliest, latest
local now, told = believed_clock(ARGV[3], ARGV[4])
if not now then return {'clock', text(told)} end
local lease = redis.call('HMGET', KEYS[3], unpack(LEASE_FIELDS))
local ended = lease_ended(lease, ARGV[1], 4, #KEYS, now)
if ended then return {'closed', ended} end
if facts_revision > tonumber(ARGV[2]) then return {'stale'} end
redis.call('HSET', KEYS[3], 'state', 'active')
return {'ok'}
