-- Let no revision of the facts come for a while: a decision was overtaken again and again. KEYS: meta cuts due out head
-- ARGV: for how long. How long at most after the last revision is said by whoever appends.
local now = advance_clock()
if redis.call('EXISTS', KEYS[5]) == 1 then redis.call('HSET', KEYS[5], 'rest', text(now + tonumber(ARGV[1]))) end
return {'ok'}
