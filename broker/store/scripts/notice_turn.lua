-- Take the turn of telling, keep it, or (for 0 ms) let it go. KEYS: notices
-- ARGV: process, for how many ms, the fence that the process holds or 0
-- Answers {fence, now}; fence 0: it is somebody else's. One that lies further ahead than twice the time is
-- of a clock that was set back.
local now, lasts = read_now(), tonumber(ARGV[2])
local held = redis.call('HMGET', KEYS[1], 'by', 'until', 'fence')
local until_ms, fence = tonumber(held[2] or '0'), tonumber(held[3] or '0')
local stands = until_ms > now and (lasts == 0 or until_ms <= now + 2 * lasts)
local is_own = held[1] == ARGV[1] and ARGV[3] == int(fence) and fence > 0
if lasts == 0 then
  if is_own then redis.call('HSET', KEYS[1], 'until', '0') end
  return { '0', int(now) }
end
if stands and not is_own then return { '0', int(now) } end
if not is_own then fence = fence + 1 end
redis.call('HSET', KEYS[1], 'by', ARGV[1], 'until', int(now + lasts), 'fence', int(fence))
return { int(fence), int(now) }
