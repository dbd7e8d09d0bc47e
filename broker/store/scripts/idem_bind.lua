-- Let an idempotency key stand for one request, wherever that will be carried out. KEYS: idem
-- ARGV: digest, lifetime
local known = redis.call('HGET', KEYS[1], 'digest')
if known and known ~= ARGV[1] then return {'conflict'} end
redis.call('HSET', KEYS[1], 'digest', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'ok'}
