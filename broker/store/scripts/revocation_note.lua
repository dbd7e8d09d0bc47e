-- Note where a cut of an order stands. KEYS: record
-- ARGV: retention, then "<cut>|<bucket>", "<issued_before> <number>" …
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 'ok'
