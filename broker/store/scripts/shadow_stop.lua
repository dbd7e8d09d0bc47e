-- Let no candidate decide any more; what was counted stays to be read. KEYS: shadow
if redis.call('HEXISTS', KEYS[1], 'bundle') == 0 then return {'none'} end
local time = redis.call('TIME')
redis.call('HDEL', KEYS[1], 'bundle')
redis.call('HSET', KEYS[1], 'stopped', time[1] * 1000 + math.floor(time[2] / 1000))
return {'ok'}
