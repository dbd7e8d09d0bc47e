-- Keep what comparing a target came to, and when. KEYS: reconciled   ARGV: target, outcome
local t = redis.call('TIME')
local now = string.format('%.0f ', t[1] * 1000 + math.floor(t[2] / 1000))
redis.call('HSET', KEYS[1], 'is:' .. ARGV[1], now .. ARGV[2])
return {'ok'}
