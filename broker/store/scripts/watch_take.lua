-- Have the turn of watching, or keep it. KEYS: watch. ARGV: process, for how many ms
-- Answers {'ok', cursor, how many findings want doing} or {'other'}.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local held = redis.call('HMGET', KEYS[1], 'by', 'until', 'cursor')
local until_ms, lasts = tonumber(held[2] or '0'), tonumber(ARGV[2])
-- One that lies further ahead than it can is of a clock that was set back.
if held[1] and held[1] ~= ARGV[1] and until_ms > now and until_ms <= now + 2 * lasts then return {'other'} end
redis.call('HSET', KEYS[1], 'by', ARGV[1], 'until', string.format('%.0f', now + lasts))
return {'ok', held[3] or ''}
