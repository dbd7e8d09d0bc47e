-- Use evidence up for one operation: ok the first time, repeat for the same operation again,
-- conflict when that is now another request, used for any other. A repeat is known only for as long
-- as its idempotency key is: after that it would be granted a second time.
-- What may have been used before the ledger went back counts as used: that is forgotten.
-- KEYS: evidence, meta. ARGV: operation, digest, how long it is remembered, how long a repeat is known,
-- by the ledger's clock: the earliest instant at which the evidence can have been used
local held = redis.call('HMGET', KEYS[1], 'operation', 'digest', 'kept')
if not held[1] then
  if redis.call('EXISTS', KEYS[1]) == 1 then return {'used'} end
  if tonumber(redis.call('HGET', KEYS[2], 'uses') or '-inf') >= tonumber(ARGV[5]) then return {'used'} end
  redis.call('HSET', KEYS[1], 'operation', ARGV[1], 'digest', ARGV[2], 'kept', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'ok'}
end
if held[1] ~= ARGV[1] then return {'used'} end
if tonumber(held[3]) - redis.call('PTTL', KEYS[1]) > tonumber(ARGV[4]) then return {'used'} end
if held[2] ~= ARGV[2] then return {'conflict'} end
return {'repeat'}
