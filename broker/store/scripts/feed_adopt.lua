-- Accepts, on an operator's word, that a bucket goes on with another number than the log expects.
-- The epoch changes, so that every subscriber takes a snapshot.
-- KEYS: meta    ARGV: candidate epoch, bucket, the next n to accept, earliest, latest
-- What was lost is remembered: nobody has heard it.
-- Answers the number that was expected before.
local meta, bucket, next_n = KEYS[1], ARGV[2], tonumber(ARGV[3])
require_type(meta, 'hash')
local now = open_feed(meta, ARGV[1])
local shipped = tonumber(redis.call('HGET', meta, 'n:' .. bucket) or '0')
if next_n > shipped + 1 then
  local lost = redis.call('HGET', meta, 'lost:' .. bucket)
  local range = int(shipped + 1) .. '-' .. int(next_n - 1)
  redis.call('HSET', meta, 'lost:' .. bucket, (lost and lost .. ' ' or '') .. range)
end
redis.call('HSET', meta, 'n:' .. bucket, int(next_n - 1), 'epoch', ARGV[1], 'born', int(now))
return shipped + 1
