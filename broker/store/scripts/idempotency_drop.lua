-- Let an idempotency key stand for nothing again, if it stands for this lease. KEYS: record. ARGV: lease
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
