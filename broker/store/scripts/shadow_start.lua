-- Let a candidate decide beside what is published, in the place of another one; what was counted is forgotten.
-- KEYS: shadow counts. ARGV: id, digest, by, reason, bundle
redis.call('DEL', KEYS[1], KEYS[2])
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'digest', ARGV[2], 'by', ARGV[3], 'reason', ARGV[4], 'bundle', ARGV[5],
  'at', time[1] * 1000 + math.floor(time[2] / 1000))
return {'ok'}
