-- Count a lease until an instant, if it is counted. KEYS: live. ARGV: lease, expires
return redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1])
