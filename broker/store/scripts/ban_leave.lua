-- Forget leases that are dead at their target. KEYS: born. ARGV: leases
return redis.call('ZREM', KEYS[1], unpack(ARGV))
