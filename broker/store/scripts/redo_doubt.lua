-- Put single leases on the due queue, for when time alone may change the answer, or take them off it.
-- KEYS: due   ARGV: by turns: member, when (ms, '' for never)
for i = 1, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('ZREM', KEYS[1], ARGV[i])
  else
    redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
  end
end
return 'OK'
