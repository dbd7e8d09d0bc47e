-- Begins a new epoch, unless somebody did since the caller looked.
-- KEYS: meta    ARGV: the epoch that the caller saw, candidate epoch, earliest, latest
-- Answers the epoch that is in force.
local meta = KEYS[1]
require_type(meta, 'hash')
if redis.call('HGET', meta, 'epoch') == ARGV[1] then
  redis.call('HSET', meta, 'epoch', ARGV[2], 'born', int((read_clock(meta))))
end
return redis.call('HGET', meta, 'epoch')
