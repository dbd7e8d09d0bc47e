-- Forget what an idempotency key stands for, if it is this lease. KEYS: idem. ARGV: lease
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
