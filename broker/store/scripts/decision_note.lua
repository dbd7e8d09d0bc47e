-- Record a refusal for the operators, bounded by caller and minute so that a looping agent fills
-- nobody's outbox. KEYS: meta cuts due out decision counter. ARGV: op, tenant, record, retention, limit, detail
local now = advance_clock()
local count = redis.call('INCR', KEYS[6])
if count == 1 then redis.call('PEXPIRE', KEYS[6], 60000) end
if count > tonumber(ARGV[5]) then return {'dropped', tostring(count)} end
redis.call('SET', KEYS[5], ARGV[3], 'PX', ARGV[4])
tell('decision.denied', now, ARGV[1], ARGV[2], '', '', 0, ARGV[6])
return {'ok'}
