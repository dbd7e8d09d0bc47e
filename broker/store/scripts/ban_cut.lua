-- Begin to cut a list off: what was issued before an instant will be refused. From here on no mint
-- begins until that has passed. KEYS: meta entries covered
-- ARGV: the target's now, how much later than now, how much longer mints are held, earliest, latest
-- Answers the instant of the cut-off, and when it was laid. A repeat finds the one that is under way.
local now = cautious_clock(ARGV[4], ARGV[5])
local meta = redis.call('HMGET', KEYS[1], 'cut_state', 'cut', 'cut_at', 'cut_until')
if meta[1] == 'laid' then return {meta[2], meta[3]} end
local ahead = math.max(0, tonumber(ARGV[1]) - now)
-- Targets count in seconds.
local cut = math.max(math.ceil((now + ahead + tonumber(ARGV[2])) / 1000) * 1000, tonumber(meta[2] or '0'))
local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local ends = math.max(tonumber(meta[4] or '0'), tonumber(last[2] or '0'), cut)
-- Held first: a death after this line costs time, before it nothing has happened.
redis.call('HSET', KEYS[1], 'held', text(cut + tonumber(ARGV[3])), 'cut', text(cut), 'cut_at', text(now),
  'cut_until', text(ends), 'cut_state', 'laid')
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[3]) end
redis.call('HINCRBY', KEYS[1], 'revision', 1)
return {text(cut), text(now)}
