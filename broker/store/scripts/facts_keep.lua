-- Keep a piece of a large revision or of a snapshot for a while, until it is put in force. KEYS: record
-- ARGV: its number, text, for how long
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HLEN', KEYS[1])
