-- Put a packet before its owner, in the place of an unanswered one. KEYS: meta cuts due out review pieces index open former
-- ARGV: op, id, tenant, owner, due, kept until, pieces, header, digest, agents, starts, outbox limit, detail, former id
-- Repeated it answers as the first time. 'former' is what `open` names for this owner; another one: look again.
local now = advance_clock()
if redis.call('EXISTS', KEYS[5]) == 1 then return {'repeat'} end
local place = ARGV[3] .. ' ' .. ARGV[4]
if (redis.call('HGET', KEYS[8], place) or '') ~= ARGV[14] then return {'soon'} end
if redis.call('HLEN', KEYS[6]) ~= tonumber(ARGV[7]) then return {'incomplete'} end
if outbox_is_full(tonumber(ARGV[12])) then return {'full'} end
redis.call('HSET', KEYS[5], 'tenant', ARGV[3], 'owner', ARGV[4], 'due', ARGV[5], 'started', text(now), 'header', ARGV[8],
  'digest', ARGV[9], 'agents', ARGV[10], 'starts', ARGV[11], 'answered', '0', 'state', 'open')
redis.call('PEXPIREAT', KEYS[5], ARGV[6])
redis.call('PEXPIREAT', KEYS[6], ARGV[6])
-- No two share a time, so that a list can go on after any of them.
local last = redis.call('ZREVRANGE', KEYS[7], 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', KEYS[7], text(math.max(now, (tonumber(last or '') or 0) + 1)), ARGV[2])
redis.call('HSET', KEYS[8], place, ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[5], 'w:' .. ARGV[2])
if ARGV[14] ~= '' and redis.call('HGET', KEYS[9], 'state') == 'open' then
  redis.call('HSET', KEYS[9], 'state', 'superseded')
  redis.call('ZREM', KEYS[3], 'w:' .. ARGV[14])
end
tell('review.started', now, ARGV[1], ARGV[3], '', '', 0, ARGV[13])
return {'ok'}
