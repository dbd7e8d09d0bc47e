-- Keep one answer about one agent: the first one stands. KEYS: meta cuts due out review
-- ARGV: op, id, agent, packet's digest, answer, what it says (a digest), tenant, outbox limit, detail
local now = advance_clock()
local found = redis.call('HMGET', KEYS[5], 'state', 'digest', 'a:' .. ARGV[3], 'i:' .. ARGV[3], 'at:' .. ARGV[3], 'agents')
if not found[1] then return {'absent'} end
if found[4] == ARGV[6] then return {'repeat', found[5]} end
if found[4] then return {'taken'} end
if found[1] ~= 'open' then return {'superseded'} end
if found[2] ~= ARGV[4] then return {'changed'} end
if outbox_is_full(tonumber(ARGV[8])) then return {'full'} end
redis.call('HSET', KEYS[5], 'a:' .. ARGV[3], ARGV[5], 'i:' .. ARGV[3], ARGV[6], 'at:' .. ARGV[3], text(now))
if redis.call('HINCRBY', KEYS[5], 'answered', 1) == tonumber(found[6]) then
  redis.call('HSET', KEYS[5], 'state', 'answered')
  redis.call('ZREM', KEYS[3], 'w:' .. ARGV[2])
end
redis.call('ZADD', KEYS[3], text(now), 'w:' .. ARGV[2] .. ':' .. ARGV[3])
tell('review.answered', now, ARGV[1], ARGV[7], '', '', 0, ARGV[9])
return {'ok', text(now)}
