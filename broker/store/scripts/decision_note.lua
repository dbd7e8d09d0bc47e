-- Record a refusal for the operators, bounded by caller and minute so that a looping agent fills
-- nobody's outbox. KEYS: meta cuts due out decision counter list
-- ARGV: op, tenant, record, retention, limit, detail, decision, how many are listed
local now = advance_clock()
local count = redis.call('INCR', KEYS[6])
if count == 1 then redis.call('PEXPIRE', KEYS[6], 60000) end
if count > tonumber(ARGV[5]) then return {'dropped', tostring(count)} end
redis.call('SET', KEYS[5], ARGV[3], 'PX', ARGV[4])
-- By when they were noted: what is not kept any more leaves the list a few at a time, with each new one.
redis.call('ZADD', KEYS[7], now, ARGV[7])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', now - tonumber(ARGV[4]), 'LIMIT', 0, 10)) do
  redis.call('ZREM', KEYS[7], gone)
end
if redis.call('ZCARD', KEYS[7]) > tonumber(ARGV[8]) then redis.call('ZREMRANGEBYRANK', KEYS[7], 0, 0) end
tell('decision.denied', now, ARGV[1], ARGV[2], '', '', 0, ARGV[6])
return {'ok'}
