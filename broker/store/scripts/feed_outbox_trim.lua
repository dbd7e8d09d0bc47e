-- Empties a bucket's outbox up to an entry, if that entry is still the one that was shipped: a
-- bucket that lost its newest entries in a failover gives their numbers to others.
-- KEYS: outbox    ARGV: n, op
-- Answers how many entries went.
local found = redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', ARGV[1] .. '-0')
if #found == 0 then return 0 end
local fields = found[1][2]
for index = 1, #fields, 2 do
  if fields[index] == 'op' and fields[index + 1] == ARGV[2] then
    return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', tonumber(ARGV[1]) + 1))
  end
end
return 0
