-- Keep a list that is being written, for longer; and say until when a write that begins now may take effect.
-- KEYS: meta. ARGV: fence, hide, for how long a write may take effect ('0': none begins)
local now = clocks()
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return {'lost', '0'} end
redis.call('HSET', KEYS[1], 'until', text(now + tonumber(ARGV[2])))
if ARGV[3] ~= '0' then redis.call('HSET', KEYS[1], 'writing', text(now + tonumber(ARGV[3]))) end
return {'ok', '0'}
