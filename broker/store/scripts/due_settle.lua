-- Take work off the queue, or put it off, if it is still this worker's.
-- KEYS: meta cuts due out fences. ARGV: member, fence, next look (ms, or '' for never)
if redis.call('HGET', KEYS[5], ARGV[1]) ~= ARGV[2] then return {'lost'} end
redis.call('HDEL', KEYS[5], ARGV[1])
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[3], ARGV[1])
else
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
end
return {'ok'}
