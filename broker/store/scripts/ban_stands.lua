-- Note what stands in a list, read back, and let the list go. KEYS: meta
-- ARGV: fence, revision that was written, does it stand (1 or 0)
-- Answers 'ok' or 'lost', and the revision that must stand now.
local now = clocks()
local meta = redis.call('HMGET', KEYS[1], 'fence', 'revision')
if meta[1] ~= ARGV[1] then
  -- Too slow: somebody else has written meanwhile, and this may have been written over it.
  redis.call('HSET', KEYS[1], 'dirty', '1')
  return {'lost', meta[2] or '0'}
end
redis.call('HSET', KEYS[1], 'writer', '', 'until', '0')
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'stands', ARGV[2], 'looked', text(now), 'dirty', '0')
else
  redis.call('HSET', KEYS[1], 'dirty', '1')
end
return {'ok', meta[2] or '0'}
