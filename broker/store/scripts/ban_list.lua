-- Remember the name of a deny list, as whoever came last calls it. KEYS: lists. ARGV: digest, name
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
