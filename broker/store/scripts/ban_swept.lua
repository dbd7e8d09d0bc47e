-- Whoever lives and is hit by a cut-off has been ended: it may stand in the list now.
-- KEYS: meta covered. ARGV: cut-off, until when it must stand at least
local meta = redis.call('HMGET', KEYS[1], 'cut_state', 'cut', 'cut_until')
if meta[1] ~= 'laid' or meta[2] ~= ARGV[1] then return {'gone'} end
redis.call('HSET', KEYS[1], 'cut_until', text(math.max(tonumber(meta[3]), tonumber(ARGV[2]))), 'cut_state', 'stands')
redis.call('UNLINK', KEYS[2])
redis.call('HINCRBY', KEYS[1], 'revision', 1)
return {'ok'}
