-- Take a list for a while, to write it: one at a time, so that nobody's work is undone and done again.
-- Nothing rests on it: whoever writes, writes what must stand, and reads it back.
-- KEYS: meta entries. ARGV: writer, hide, revision that must stand ('' for a look), how old the last look may be
-- Answers 'stands', 'fresh', 'held' and for how long, or 'ok' and a fencing number.
local now = clocks()
local meta = redis.call('HMGET', KEYS[1], 'stands', 'looked', 'writer', 'until', 'dirty', 'cut', 'revision',
  'writing', 'unsure')
local is_clean = meta[5] ~= '1'
if ARGV[3] ~= '' and is_clean and tonumber(meta[1] or '-1') >= tonumber(ARGV[3]) then return {'stands', '0'} end
-- Nobody need look after a list in which nothing need stand.
local is_idle = not meta[6] and tonumber(meta[1] or '-1') >= tonumber(meta[7] or '0') and redis.call('EXISTS', KEYS[2]) == 0
local is_fresh = is_idle or tonumber(meta[2] or '0') > now - tonumber(ARGV[4])
if ARGV[3] == '' and is_clean and is_fresh then return {'fresh', '0'} end
local held = meta[3] and meta[3] ~= '' and tonumber(meta[4] or '0') or 0
if held > now and meta[3] ~= ARGV[1] then return {'held', text(held - now)} end
-- Whoever had it last never came back: what he has sent may still arrive, over what others write, so that
-- nobody is sure of the list before it surely has.
if meta[3] and meta[3] ~= '' then
  local latest = math.max(tonumber(meta[8] or '0'), tonumber(meta[9] or '0'))
  redis.call('HSET', KEYS[1], 'dirty', '1', 'writing', '0', 'unsure', text(latest))
end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], 'writer', ARGV[1], 'until', text(now + tonumber(ARGV[2])))
return {'ok', text(fence)}
