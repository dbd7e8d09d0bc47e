-- Tell of a finding once: an event in a bucket's outbox. KEYS: meta cuts due out marker
-- ARGV: op, type, tenant, detail, how long a repeat is known (ms), earliest, latest
local now = cautious_clock(ARGV[6], ARGV[7])
if redis.call('EXISTS', KEYS[5]) == 1 then return {'already'} end
local n = tell(ARGV[2], now, ARGV[1], ARGV[3], '', '', 0, ARGV[4])
redis.call('SET', KEYS[5], n, 'PX', ARGV[5])
return {'ok', tostring(n)}
