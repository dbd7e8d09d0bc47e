-- Take due work for a while. Whoever does not settle it in time loses it to the next, who has a higher
-- fencing number: none is ever given twice in a bucket. Leases, approvals, looks at tasks and kills at targets need no
-- number: their scripts judge afresh, and settle. Nor does deciding again (f c).
-- What is decided again comes back soon if its broker dies, for access depends on it; whoever is at it says so.
-- With a clock that is not believed, what is due by age (l a t g e) is left where it is.
-- KEYS: meta cuts due out fences. ARGV: limit, visibility, earliest, latest, may age (1 or 0)
local limit = tonumber(ARGV[1])
local now, sure = cautious_clock(ARGV[3], ARGV[4])
local believed = sure and ARGV[5] == '1'
local taken = {text(now), believed and '1' or '0'}
local found, fence = 0, nil

local function fenced(member)
  fence = fence or redis.call('HINCRBY', KEYS[1], 'fence', 1)
  redis.call('HSET', KEYS[5], member, fence)
  return fence
end

local AGAIN = 1000

local function take(member, score)
  local kind = string.sub(member, 1, 1)
  local number = string.find('latvfc', kind, 1, true) and 0 or fenced(member)
  local hide = tonumber(ARGV[2])
  if kind == 'f' or kind == 'c' then hide = math.min(hide, AGAIN) end
  redis.call('ZADD', KEYS[3], text(now + hide), member)
  taken[#taken + 1] = member
  taken[#taken + 1] = score
  taken[#taken + 1] = number
  found = found + 1
end

-- Enough to find orders among what may not age, and little enough to take a few milliseconds.
local most = believed and limit or 5000
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, most)
for i = 1, #due, 2 do
  local kind = string.sub(due[i], 1, 1)
  local by_age = kind == 'l' or kind == 'a' or kind == 't' or kind == 'g' or kind == 'e'
  if found < limit and (believed or not by_age) then take(due[i], due[i + 1]) end
end
return taken
