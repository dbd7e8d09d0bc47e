-- Put a snapshot in the place of the former one, which stays for those who are reading it.
-- KEYS: head snapshot former   ARGV: former's revision, its own revision, its digest, name, pieces, sum, size,
-- how long the former stays
local head = redis.call('HMGET', KEYS[1], 'snapshot', 'revision', 'bytes', 'snapshot_bytes')
if (head[1] or '0') ~= ARGV[1] or tonumber(head[2] or '0') < tonumber(ARGV[2]) then return {'superseded'} end
if redis.call('HLEN', KEYS[2]) ~= tonumber(ARGV[5]) then return {'incomplete'} end
redis.call('PERSIST', KEYS[2])
redis.call('HSET', KEYS[1], 'snapshot', ARGV[2], 'snapshot_digest', ARGV[3], 'snapshot_name', ARGV[4],
  'snapshot_pieces', ARGV[5], 'snapshot_sum', ARGV[6], 'snapshot_size', ARGV[7], 'snapshot_bytes', head[3] or '0')
redis.call('HDEL', KEYS[1], 'writing')
redis.call('PEXPIRE', KEYS[3], ARGV[8])
return {'ok'}
