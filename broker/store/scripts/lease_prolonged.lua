-- Note what became of prolonging a lease at its target, and judge the lease: nothing is delivered for what
-- has ended meanwhile. KEYS: meta cuts lease path…
-- ARGV: path, generation, until when it lives there now ('' where it was not prolonged), earliest, latest
-- What came too late is of an earlier generation, and changes nothing.
local lease = redis.call('HMGET', KEYS[3], unpack(LEASE_FIELDS))
if lease[1] and redis.call('HGET', KEYS[3], 'generation') == ARGV[2] then
  redis.call('HDEL', KEYS[3], 'renewing')
  if ARGV[3] == lease[2] then
    redis.call('HDEL', KEYS[3], 'sure')
  elseif ARGV[3] ~= '' then
    redis.call('HSET', KEYS[3], 'sure', ARGV[3])
  end
end
local now, told = believed_clock(ARGV[4], ARGV[5])
if not now then return {'clock', text(told)} end
local ended = lease_ended(lease, ARGV[1], 4, #KEYS, now)
if ended then return {'closed', ended} end
return {'ok'}
