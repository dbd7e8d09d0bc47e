-- Begins the feed of a ledger that is the first of its installation: nobody can have listened to a
-- former one. A feed that is there already stays as it is.
-- KEYS: meta    ARGV: epoch, earliest, latest
-- Answers 1 if it began here.
local meta = KEYS[1]
require_type(meta, 'hash')
if redis.call('HSETNX', meta, 'epoch', ARGV[1]) == 0 then return 0 end
redis.call('HSET', meta, 'now', int((read_clock(meta))), 'born', '0', 'seq', '0')
return 1
