-- Which of some indexes have tasks, and until when there are tasks that are in no index of what they name.
-- KEYS: meta, index of all tasks, then indexes. Answers that instant (0: there are none), then 1 or 0 for each index
local named = tonumber(redis.call('HGET', KEYS[1], 'named') or '') or 0
local last = named > 0 and string.format('%d', named - 1) or '+inf'
local older = redis.call('ZREVRANGEBYSCORE', KEYS[2], last, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
local found = {tostring(older[2] or '0')}
for i = 3, #KEYS do found[#found + 1] = redis.call('EXISTS', KEYS[i]) end
return found
