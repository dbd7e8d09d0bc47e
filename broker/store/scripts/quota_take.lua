-- Count a lease against a quota, or count it for longer. The quota is the size of a set, never a
-- counter that can drift; the clock is the server's, as for the lease itself.
-- KEYS: live. ARGV: lease, how long it will live at most, limit, earliest, latest
-- Answers 1, or 0 when it is full, or -1 when the clock is not believed: nothing is counted then, and
-- nothing has run out.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if now < tonumber(ARGV[4]) or now > tonumber(ARGV[5]) then return -1 end
local until_ms = now + tonumber(ARGV[2])
-- A few at a time, however many have expired together: no script holds the server for long.
local expired = redis.call('ZCOUNT', KEYS[1], '-inf', string.format('%.0f', now))
if expired > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, math.min(expired, 100) - 1)
  expired = math.max(0, expired - 100)
end
local is_full = redis.call('ZCARD', KEYS[1]) - expired >= tonumber(ARGV[3])
if is_full and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
-- One that is counted already never counts for less.
redis.call('ZADD', KEYS[1], 'GT', string.format('%.0f', until_ms), ARGV[1])
return 1
