-- What must stand in a list now; what may go is dropped, a few at a time, if the clock is believed.
-- KEYS: meta entries covered. ARGV: earliest, latest, limit
-- Answers: now, lineage, revision, state of the cut-off, cut-off, when it was laid, how many entries, entries…
local now, sure = cautious_clock(ARGV[1], ARGV[2])
local function drop(key)
  local old = redis.call('ZRANGEBYSCORE', key, '-inf', text(now), 'LIMIT', 0, 200)
  if #old == 0 then return end
  redis.call('ZREM', key, unpack(old))
  redis.call('HINCRBY', KEYS[1], 'revision', 1)
end
if sure then
  drop(KEYS[2])
  drop(KEYS[3])
  local ends = redis.call('HMGET', KEYS[1], 'cut', 'cut_until', 'cut_state')
  if ends[1] and ends[3] == 'stands' and tonumber(ends[2]) <= now then
    redis.call('HDEL', KEYS[1], 'cut', 'cut_until', 'cut_state', 'cut_at')
    redis.call('HINCRBY', KEYS[1], 'revision', 1)
  end
end
local meta = redis.call('HMGET', KEYS[1], 'lineage', 'revision', 'cut_state', 'cut', 'cut_at')
local view = {text(now), meta[1] or '', meta[2] or '0', meta[3] or '', meta[4] or '0', meta[5] or '0',
  text(redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3]))}
for _, key in ipairs({KEYS[2], KEYS[3]}) do
  local found = redis.call('ZREVRANGE', key, 0, tonumber(ARGV[3]) - 1)
  for i = 1, #found do view[#view + 1] = found[i] end
end
return view
