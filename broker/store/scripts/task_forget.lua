-- Remove what is left of a task whose retention has passed.
-- KEYS: meta cuts due out node leases live children audiences open-children open-below said, and every set that has the task
-- ARGV: id
-- (the audiences are the tree's: a child passes its own, which does not exist)
local state = redis.call('HGET', KEYS[5], 'state')
if state == 'open' or state == 'frozen' then return {'open'} end
for i = 13, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
redis.call('ZREM', KEYS[3], 'g:' .. ARGV[1])
redis.call('UNLINK', KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12])
return {'ok'}
