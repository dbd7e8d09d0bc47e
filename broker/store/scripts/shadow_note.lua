-- Add to what a candidate's answers were counted as, while it is this one that decides. KEYS: shadow counts
-- ARGV: id, how many names there may be, then by turns: name, what it counts as when there is no room, number
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {'other'} end
local room = tonumber(ARGV[2]) - redis.call('HLEN', KEYS[2])
for i = 3, #ARGV, 3 do
  local name = ARGV[i]
  if redis.call('HEXISTS', KEYS[2], name) == 0 then
    if room > 0 then room = room - 1 else name = ARGV[i + 1] end
  end
  redis.call('HINCRBY', KEYS[2], name, ARGV[i + 2])
end
return {'ok'}
