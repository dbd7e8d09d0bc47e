-- What some tasks were opened with, and their first leases that have not ended. KEYS: for each: node, live leases
-- ARGV: how many leases of one task. Answers for each: state, spec, names and expiries by turns
local found = {}
for i = 1, #KEYS, 2 do
  local node = redis.call('HMGET', KEYS[i], 'state', 'spec')
  local names = {}
  if node[1] == 'open' then
    names = redis.call('ZRANGE', KEYS[i + 1], 0, tonumber(ARGV[1]) - 1, 'WITHSCORES')
  end
  found[#found + 1] = {node[1] or '', node[2] or '', names}
end
return found
