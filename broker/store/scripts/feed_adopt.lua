-- Accepts, on an operator's word, that a bucket goes on with another number than the log expects.
-- The epoch changes, so that every subscriber takes a snapshot.
-- KEYS: meta, seqs    ARGV: candidate epoch, bucket, the next n to accept, window
-- Answers the number that was expected before.
local meta, seqs = KEYS[1], KEYS[2]
local bucket, next_n, window = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
require_type(meta, 'hash')
require_type(seqs, 'hash')
local now = open_feed(meta, ARGV[1])
local shipped = tonumber(redis.call('HGET', meta, 'n:' .. bucket) or '0')
-- What the bucket will number again must not be mistaken for a repetition.
for n = math.max(next_n, shipped - window), shipped do
  redis.call('HDEL', seqs, bucket .. ':' .. int(n))
end
redis.call('HSET', meta, 'n:' .. bucket, int(next_n - 1), 'epoch', ARGV[1], 'born', int(now))
return shipped + 1
