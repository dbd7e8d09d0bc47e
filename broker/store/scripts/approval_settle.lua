-- End an approval that nothing can come of any more, or tidy up after one that has ended.
-- KEYS: meta cuts due out record asking tenant's task's   ARGV: id, op, state, because, retention, earliest, latest
-- 'expired' spares what is still good, and everything when the clock is not believed.
local now, sure = cautious_clock(ARGV[6], ARGV[7])
local held = redis.call('HMGET', KEYS[5], 'state', 'expires', 'brief', 'tenant')
local state = held[1]
if not state then
  tidy_approval(KEYS[5], ARGV[1], now)
  return {'absent'}
end
if is_open(state) then
  local expires = tonumber(held[2])
  if ARGV[3] == 'expired' and (not sure or expires > now) then
    redis.call('ZADD', KEYS[3], text(math.max(expires, now)), 'a:' .. ARGV[1])
    return {'open', state}
  end
  end_approval(KEYS[5], ARGV[1], ARGV[3], ARGV[4], now)
  tell('approval.' .. ARGV[3], now, ARGV[2], held[4], '', '', 0, brief_with(held[3], ARGV[1], {because = ARGV[4], was = state}))
  state = ARGV[3]
end
if state ~= 'denied' and redis.call('GET', KEYS[6]) == ARGV[1] then redis.call('DEL', KEYS[6]) end
tidy_approval(KEYS[5], ARGV[1], now + tonumber(ARGV[5]))
return {'ok', state}
