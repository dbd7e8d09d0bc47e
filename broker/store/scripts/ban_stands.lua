-- Note what stands in a list, read back, and let the list go. KEYS: meta stood
-- ARGV: fence, revision that was written, does it stand (1 or 0), why not, room, what is left of it, what had
--       stood and was gone, cut-off that stands (0: none), entries that stand…
-- Answers 'ok', 'unsure' (what a lost writer has sent may still arrive over it) or 'lost', and the revision
-- that must stand now.
local now = clocks()
local meta = redis.call('HMGET', KEYS[1], 'fence', 'revision', 'stands', 'unsure', 'writing', 'told')
local gone = ARGV[7]
if gone ~= '0' and gone ~= meta[6] then
  redis.call('HINCRBY', KEYS[1], 'lost', 1)
  redis.call('HSET', KEYS[1], 'lost_at', text(now), 'told', gone)
end
if meta[1] ~= ARGV[1] then
  -- Too slow: somebody else has written meanwhile, and this may have been written over it.
  redis.call('HSET', KEYS[1], 'dirty', '1')
  return {'lost', meta[2] or '0'}
end
redis.call('HSET', KEYS[1], 'writer', '', 'until', '0', 'writing', '0')
local unsure = tonumber(meta[4] or '0')
if ARGV[3] ~= '1' then
  -- It may have been sent, and arrive later than what others write.
  local latest = math.max(unsure, tonumber(meta[5] or '0'))
  redis.call('HSET', KEYS[1], 'dirty', '1', 'trouble', ARGV[4], 'unsure', text(latest))
  redis.call('HSETNX', KEYS[1], 'failing', text(now))
  return {'unsure', meta[2] or '0'}
end
local is_sure = unsure <= now
redis.call('HSET', KEYS[1], 'looked', text(now), 'dirty', is_sure and '0' or '1', 'room', ARGV[5], 'free', ARGV[6])
redis.call('HDEL', KEYS[1], 'trouble', 'failing', 'told')
if ARGV[2] ~= meta[3] then
  -- What stood is left before it is counted as standing: a death in between costs an alarm, hides none.
  redis.call('UNLINK', KEYS[2])
  if #ARGV > 8 then redis.call('SADD', KEYS[2], unpack(ARGV, 9)) end
  redis.call('HSET', KEYS[1], 'stood_cut', ARGV[8], 'stands', ARGV[2])
end
return {is_sure and 'ok' or 'unsure', meta[2] or '0'}
