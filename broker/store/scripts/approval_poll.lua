-- Note that whoever waits for an approval has asked; who asks too fast has to wait ever longer (RFC 8628 section 3.5).
-- KEYS: meta record   ARGV: interval, step, most (ms)
local now = read_clock()
local held = redis.call('HMGET', KEYS[2], 'state', 'polled', 'interval')
if not held[1] then return {'absent'} end
local interval = tonumber(held[3] or ARGV[1])
local is_early = held[2] and now - tonumber(held[2]) < interval and (held[1] == 'pending')
if is_early then interval = math.min(interval + tonumber(ARGV[2]), tonumber(ARGV[3])) end
redis.call('HSET', KEYS[2], 'polled', text(now), 'interval', text(interval))
return {is_early and 'slow' or 'ok', text(interval)}
