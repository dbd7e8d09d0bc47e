-- Count a lease until an instant, if it is counted. KEYS: live
-- ARGV: lease, expires, 'at-least' (leave what counts for longer) or 'exactly'
if ARGV[3] == 'at-least' then return redis.call('ZADD', KEYS[1], 'XX', 'GT', ARGV[2], ARGV[1]) end
return redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1])
