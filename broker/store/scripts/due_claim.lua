-- Take due work for a while. Whoever does not settle it in time loses it to the next, who has another
-- fencing number: no number is ever given twice in a bucket. Leases and looks at tasks need none:
-- their scripts judge afresh, and settle.
-- KEYS: meta cuts due out fences. ARGV: limit, visibility
local now = advance_clock()
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local taken = {text(now)}
local fence = nil
for i = 1, #due, 2 do
  local kind, number = string.sub(due[i], 1, 1), 0
  if kind ~= 'l' and kind ~= 't' then
    fence = fence or redis.call('HINCRBY', KEYS[1], 'fence', 1)
    redis.call('HSET', KEYS[5], due[i], fence)
    number = fence
  end
  redis.call('ZADD', KEYS[3], text(now + tonumber(ARGV[2])), due[i])
  taken[#taken + 1] = due[i]
  taken[#taken + 1] = due[i + 1]
  taken[#taken + 1] = number
end
return taken
