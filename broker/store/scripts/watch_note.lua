-- Move on along the log, with what was learnt of some agents and what was found: all of it, or nothing.
-- KEYS: watch findings found todo, then what is remembered of each agent
-- ARGV: process, the cursor that stood, the next one, how long a past is kept (ms), most findings,
-- then a past for each key, then for each finding: id, when, its record
-- Answers {'ok'}, or {'lost'}: somebody else watches by now, or has moved on.
local held = redis.call('HMGET', KEYS[1], 'by', 'cursor')
if held[1] ~= ARGV[1] or (held[2] or '') ~= ARGV[2] then return {'lost'} end
local pasts = #KEYS - 4
for i = 1, pasts do redis.call('SET', KEYS[4 + i], ARGV[5 + i], 'PX', ARGV[4]) end
for i = 6 + pasts, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 2]) == 1 then
    redis.call('ZADD', KEYS[3], ARGV[i + 1], ARGV[i])
    redis.call('ZADD', KEYS[4], ARGV[i + 1], ARGV[i])
  end
end
redis.call('HSET', KEYS[1], 'cursor', ARGV[3])
-- The oldest make room, a page at a time; never one that still wants doing.
local beyond = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[5])
if beyond > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, math.min(beyond, 100) - 1)) do
    if not redis.call('ZSCORE', KEYS[4], id) then
      redis.call('HDEL', KEYS[2], id)
      redis.call('ZREM', KEYS[3], id)
    end
  end
end
return {'ok'}
