-- Where the log stands.
-- KEYS: meta, log    ARGV: candidate epoch, earliest, latest
-- Answers {now, first seq that the log still has, {every field of meta}}.
require_type(KEYS[1], 'hash')
require_type(KEYS[2], 'stream')
local now, _, seq = open_feed(KEYS[1], ARGV[1])
return { now, first_of(KEYS[2], seq), redis.call('HGETALL', KEYS[1]) }
