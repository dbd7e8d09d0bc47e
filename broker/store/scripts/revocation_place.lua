-- Note how far an order on a set has come; whoever is behind changes nothing. KEYS: record. ARGV: place
if redis.call('EXISTS', KEYS[1]) == 0 then return 'absent' end
local place = tonumber(redis.call('HGET', KEYS[1], 'place') or '') or 0
if tonumber(ARGV[1]) > place then redis.call('HSET', KEYS[1], 'place', ARGV[1]) end
return 'ok'
