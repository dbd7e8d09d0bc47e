-- Keep a part of a selection, or keep all of it for longer; never for less. KEYS: record
-- ARGV: for how long, then field, value … What is written under one digest is always the same.
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return redis.call('HEXISTS', KEYS[1], 'spec')
