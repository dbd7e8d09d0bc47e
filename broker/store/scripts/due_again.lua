-- Have work done from its beginning, whoever may be at it: settling that takes nothing off the queue any more.
-- KEYS: due fences. ARGV: when (ms), members…
for i = 2, #ARGV do
  redis.call('HDEL', KEYS[2], ARGV[i])
  redis.call('ZADD', KEYS[1], ARGV[1], ARGV[i])
end
return {'ok'}
