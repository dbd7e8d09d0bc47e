-- Note that somebody used what has ended, or knocked on what is another's, bounded by agent and minute, so that whoever does it without end
-- fills nobody's outbox. KEYS: meta cuts due out counter. ARGV: op, tenant, limit, detail, type
local count = redis.call('INCR', KEYS[5])
if count == 1 then redis.call('PEXPIRE', KEYS[5], 60000) end
if count > tonumber(ARGV[3]) then return {'dropped'} end
local now = advance_clock()
tell(ARGV[5], now, ARGV[1], ARGV[2], '', '', 0, ARGV[4])
return {'ok'}
