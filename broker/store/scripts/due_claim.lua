-- Take due work for a while. Whoever does not settle it in time loses it to the next (a higher
-- fencing number). Leases and looks at tasks need no number: their scripts judge afresh, and settle.
-- KEYS: meta cuts due out fences. ARGV: limit, visibility
local now = advance_clock()
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local taken = {text(now)}
for i = 1, #due, 2 do
  redis.call('ZADD', KEYS[3], text(now + tonumber(ARGV[2])), due[i])
  taken[#taken + 1] = due[i]
  taken[#taken + 1] = due[i + 1]
  local kind = string.sub(due[i], 1, 1)
  taken[#taken + 1] = (kind == 'l' or kind == 't') and 0 or redis.call('HINCRBY', KEYS[5], due[i], 1)
end
return taken
