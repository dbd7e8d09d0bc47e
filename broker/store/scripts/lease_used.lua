-- Note that a lease's token was accepted somewhere, once: a repeat tells nothing. KEYS: meta cuts due out lease
-- ARGV: op, tenant, how much the outbox holds, detail
local now = advance_clock()
if redis.call('HEXISTS', KEYS[5], 'state') == 0 then return {'absent'} end
if redis.call('HEXISTS', KEYS[5], 'used') == 1 then return {'repeat'} end
if outbox_is_full(tonumber(ARGV[3])) then return {'full'} end
redis.call('HSET', KEYS[5], 'used', text(now))
tell('lease.used', now, ARGV[1], ARGV[2], '', '', 0, ARGV[4])
return {'ok'}
