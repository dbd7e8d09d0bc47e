-- Show approvals. KEYS: meta, then records. Nothing is judged here but what time it is.
local now = read_clock()
local shown = {text(now)}
for i = 2, #KEYS do shown[i] = redis.call('HGETALL', KEYS[i]) end
return shown
