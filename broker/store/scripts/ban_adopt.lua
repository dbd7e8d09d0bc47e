-- Take over what stands in a list and bears no mark of ours, or one that this ledger has not made yet:
-- the ledger may have been lost. KEYS: meta entries
-- ARGV: until, revision that it bears, cut-off that stands there (0: none), how much longer mints are held,
--       name of the lineage if it begins here, earliest, latest, entries…
local now = cautious_clock(ARGV[6], ARGV[7])
local meta = redis.call('HMGET', KEYS[1], 'lineage', 'revision', 'cut', 'cut_until', 'held', 'cut_state')
for i = 8, #ARGV do redis.call('ZADD', KEYS[2], 'NX', ARGV[1], ARGV[i]) end
if not meta[1] then redis.call('HSET', KEYS[1], 'lineage', ARGV[5]) end
local cut = tonumber(ARGV[3])
if cut > tonumber(meta[3] or '0') and meta[6] ~= 'laid' then
  -- Laid at no time: of what this ledger knows, nothing is covered by it.
  local held = math.min(cut + tonumber(ARGV[4]), now + 600000)
  redis.call('HSET', KEYS[1], 'cut', text(cut), 'cut_at', '0', 'cut_state', 'stands',
    'cut_until', text(math.max(tonumber(meta[4] or '0'), tonumber(ARGV[1]))),
    'held', text(math.max(tonumber(meta[5] or '0'), held)))
end
local revision = math.max(tonumber(meta[2] or '0'), tonumber(ARGV[2])) + 1
redis.call('HSET', KEYS[1], 'revision', text(revision))
return {text(revision)}
