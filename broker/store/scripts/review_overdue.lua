-- Note that a review was not answered in time, once. KEYS: meta cuts due out review   ARGV: op, tenant, detail
local now = advance_clock()
if redis.call('HGET', KEYS[5], 'state') ~= 'open' then return {'absent'} end
if redis.call('HSETNX', KEYS[5], 'overdue', text(now)) == 0 then return {'repeat'} end
tell('review.overdue', now, ARGV[1], ARGV[2], '', '', 0, ARGV[3])
return {'ok'}
