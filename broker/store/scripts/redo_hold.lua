-- Keep looking again hidden from other brokers for a while longer, if it is still to be done; 0 shows it to them.
-- KEYS: meta due   ARGV: how long (ms), member
local now = read_clock()
return redis.call('ZADD', KEYS[2], 'XX', 'CH', text(now + tonumber(ARGV[1])), ARGV[2])
