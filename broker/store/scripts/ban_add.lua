-- Let an entry stand in a list until an instant, or longer. KEYS: meta entries covered born
-- ARGV: entry, until, lease, name of the lineage if it begins here, earliest, latest
-- Answers the revision in which it stands, and the cut-off that takes its place ('0': none does).
cautious_clock(ARGV[5], ARGV[6])
local meta = redis.call('HMGET', KEYS[1], 'lineage', 'revision', 'cut', 'cut_at', 'cut_until')
local revision, ends = tonumber(meta[2] or '0'), tonumber(ARGV[2])
if not meta[1] then redis.call('HSET', KEYS[1], 'lineage', ARGV[4]) end
local born = redis.call('ZSCORE', KEYS[4], ARGV[3])
if meta[3] and born and tonumber(born) <= tonumber(meta[4]) then
  if ends > tonumber(meta[5]) then redis.call('HSET', KEYS[1], 'cut_until', text(ends)) end
  return {text(revision), meta[3]}
end
-- It stands first, and is counted then: the other way round a death in between would hide it.
local is_new = redis.call('ZADD', KEYS[2], 'NX', ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[2], 'GT', ARGV[2], ARGV[1])
if is_new == 1 or revision == 0 then revision = redis.call('HINCRBY', KEYS[1], 'revision', 1) end
return {text(revision), '0'}
