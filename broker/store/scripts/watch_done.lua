-- Replace a finding's record, if it is still what it was; it wants no more doing. KEYS: findings todo
-- ARGV: id, the record that stood, the next one
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {'changed'} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
return {'ok'}
