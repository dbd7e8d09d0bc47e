-- Remember the name of a deny list. KEYS: lists. ARGV: digest, name
return redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
