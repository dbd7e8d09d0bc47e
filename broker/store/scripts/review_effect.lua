-- Keep what came of an answer, once. KEYS: meta cuts due out review   ARGV: op, id, agent, effect, tenant, detail
local now = advance_clock()
if redis.call('HEXISTS', KEYS[5], 'a:' .. ARGV[3]) == 0 then return {'absent'} end
redis.call('ZREM', KEYS[3], 'w:' .. ARGV[2] .. ':' .. ARGV[3])
if redis.call('HSETNX', KEYS[5], 'e:' .. ARGV[3], ARGV[4]) == 0 then return {'repeat'} end
tell('review.effected', now, ARGV[1], ARGV[5], '', '', 0, ARGV[6])
return {'ok'}
