-- Keep an operator's order, once; and note where its cut stands. KEYS: record
-- ARGV: spec, retention, then bucket, "<issued_before> <number>" …
if ARGV[1] ~= '' then redis.call('HSETNX', KEYS[1], 'spec', ARGV[1]) end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGET', KEYS[1], 'spec')
