-- Use up one proof of possession: 1 the first time, 0 when it was used before, -1 when its key has
-- used as many as are remembered. Nothing that still counts is dropped to make room.
-- KEYS: used. ARGV: proof, how long it is remembered, limit
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local text = string.format('%.0f', now)
-- A few at a time, however many have gone by together: no script holds the server for long.
local gone = redis.call('ZCOUNT', KEYS[1], '-inf', text)
if gone > 0 then redis.call('ZREMRANGEBYRANK', KEYS[1], 0, math.min(gone, 200) - 1) end
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
