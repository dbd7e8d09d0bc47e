-- Drop revisions that are older than what is kept, a few at a time. KEYS: log bodies body…
-- ARGV: the newest that may go, how many stay at least, then the members of the bodies
redis.call('ZCARD', KEYS[2])
local spare = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[2])
-- Freeing takes time: what is large goes aside.
for i = 3, #ARGV do
  redis.call('UNLINK', KEYS[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
if spare <= 0 then return 0 end
local old = redis.call('XRANGE', KEYS[1], '-', ARGV[1] .. '-0', 'COUNT', math.min(spare, 20))
if #old == 0 then return 0 end
local last = tonumber(string.match(old[#old][1], '^(%d+)'))
return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%d-0', last + 1))
