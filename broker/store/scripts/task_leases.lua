-- What some tasks were opened with, and their first leases that have not ended.
-- KEYS: for each: node, live leases, children that have not ended
-- ARGV: how many leases of one task. Answers for each: state, spec, names and expiries by turns, how many children
local found = {}
for i = 1, #KEYS, 3 do
  local node = redis.call('HMGET', KEYS[i], 'state', 'spec')
  local names, children = {}, 0
  if node[1] == 'open' then
    names = redis.call('ZRANGE', KEYS[i + 1], 0, tonumber(ARGV[1]) - 1, 'WITHSCORES')
    children = redis.call('ZCARD', KEYS[i + 2])
  end
  found[#found + 1] = {node[1] or '', node[2] or '', names, children}
end
return found
