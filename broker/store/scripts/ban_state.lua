-- How a list is known to be. KEYS: meta entries covered
-- Answers: now, how many entries must stand, then as in the meta hash: revision stands cut looked failing
-- trouble lost lost_at room free
local now = clocks()
local meta = redis.call('HMGET', KEYS[1], 'revision', 'stands', 'cut', 'looked', 'failing', 'trouble', 'lost',
  'lost_at', 'room', 'free')
local state = {text(now), text(redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3]))}
for i = 1, 10 do state[#state + 1] = meta[i] or '' end
return state
