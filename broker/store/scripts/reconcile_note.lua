-- Keep what comparing a target came to, and when; or that it failed, beside what the last one came to.
-- KEYS: reconciled   ARGV: target, outcome or '', why it failed or ''
local t = redis.call('TIME')
local now = string.format('%.0f ', t[1] * 1000 + math.floor(t[2] / 1000))
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'no:' .. ARGV[1], now .. ARGV[3])
else
  redis.call('HSET', KEYS[1], 'is:' .. ARGV[1], now .. ARGV[2])
  redis.call('HDEL', KEYS[1], 'no:' .. ARGV[1])
end
return {'ok'}
