-- May this broker write the next snapshot? One at a time does. KEYS: meta cuts due out head
-- ARGV: newest snapshot that is known, for how long the turn is
local now = advance_clock()
local head = redis.call('HMGET', KEYS[5], 'snapshot', 'writing')
if (head[1] or '0') ~= ARGV[1] or (tonumber(head[2] or '') or 0) > now then return 0 end
redis.call('HSET', KEYS[5], 'writing', text(now + tonumber(ARGV[2])))
return 1
