-- Take the turn of comparing a target, if it has come: of many brokers one gets it. KEYS: reconciled
-- ARGV: target, how often. A taker that dies leaves it to the next turn; one that lies further ahead than
-- a period is of a longer period, or of a clock that was set back.
local t = redis.call('TIME')
local now, every = t[1] * 1000 + math.floor(t[2] / 1000), tonumber(ARGV[2])
local due = tonumber(redis.call('HGET', KEYS[1], 'due:' .. ARGV[1]) or '0') or 0
if due > now and due <= now + every then return {'wait', string.format('%.0f', due - now)} end
redis.call('HSET', KEYS[1], 'due:' .. ARGV[1], string.format('%.0f', now + every))
return {'mine', '0'}
