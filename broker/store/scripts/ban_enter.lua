-- Note that a lease's credential is about to be made, unless its list was cut off a moment ago: what is
-- made then might be hit. Whichever of the two comes first, the other sees it.
-- KEYS: meta born. ARGV: lease, earliest, latest, how long a session lives at most
local now, told = believed_clock(ARGV[2], ARGV[3])
if not now then return {'clock', text(told)} end
local held = tonumber(redis.call('HGET', KEYS[1], 'held') or '0')
if held > now then return {'held', text(held - now)} end
-- A few at a time, however many there are: no script holds the server for long.
local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now - tonumber(ARGV[4])), 'LIMIT', 0, 100)
if #old > 0 then redis.call('ZREM', KEYS[2], unpack(old)) end
redis.call('ZADD', KEYS[2], 'NX', text(now), ARGV[1])
return {'ok', '0'}
