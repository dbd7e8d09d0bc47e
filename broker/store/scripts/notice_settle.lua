-- Note what came of telling a receiver its oldest message. KEYS: notices, what waits for the receiver
-- ARGV: fence, receiver, the message, done | failed | given-up | stopped | resumed, when it is tried next (in ms
-- from now), why it failed
-- Answers {'ok'}; {'lost'}: somebody else tells by now; {'gone'}: it is no longer the oldest, nothing is noted.
local receiver, word = ARGV[2] .. ':', ARGV[4]
if word == 'resumed' then
  redis.call('HDEL', KEYS[1], receiver .. 'stopped')
  return { 'ok' }
end
if not has_turn(ARGV[1]) then return { 'lost' } end
if redis.call('LINDEX', KEYS[2], 0) ~= ARGV[3] then return { 'gone' } end
local now = read_now()
if word == 'failed' then
  redis.call('HINCRBY', KEYS[1], receiver .. 'tries', 1)
  redis.call('HSETNX', KEYS[1], receiver .. 'since', int(now))
  redis.call('HSET', KEYS[1], receiver .. 'next', int(now + tonumber(ARGV[5])), receiver .. 'why', ARGV[6])
  return { 'ok' }
end
if word == 'stopped' then
  redis.call('HSET', KEYS[1], receiver .. 'stopped', ARGV[6])
  return { 'ok' }
end
redis.call('LPOP', KEYS[2])
redis.call('HDEL', KEYS[1], receiver .. 'tries', receiver .. 'next')
if word == 'done' then
  redis.call('HDEL', KEYS[1], receiver .. 'since', receiver .. 'why')
  redis.call('HSET', KEYS[1], receiver .. 'told', int(now))
else
  redis.call('HSET', KEYS[1], receiver .. 'given_at', int(now))
end
redis.call('HINCRBY', KEYS[1], receiver .. word, 1)
return { 'ok' }
