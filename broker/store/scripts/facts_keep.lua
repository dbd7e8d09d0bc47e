-- Keep pieces of a large revision or of a snapshot for a while, until it is put in force; say how many there are.
-- KEYS: record   ARGV: for how long, then number, text …
-- What is in force has no end, and is left as it is: under one name there is always the same.
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('PTTL', KEYS[1]) == -1 then return redis.call('HLEN', KEYS[1]) end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HLEN', KEYS[1])
