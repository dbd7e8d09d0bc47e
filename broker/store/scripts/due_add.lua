-- Put work on the due queue, unless it is there already. KEYS: due. ARGV: when (ms), member
return redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[2])
