-- Count leases against a quota, or count them for longer. The quota is the size of a set, never a
-- counter that can drift; the clock is the server's, as for the leases themselves.
-- KEYS: live. ARGV: earliest, latest, then for each: lease, how long it will live at most, limit
-- Answers for each 1, or 0 when the quota is full, or -1 when the clock is not believed: nothing is
-- counted then, and nothing has run out.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local is_believed = now >= tonumber(ARGV[1]) and now <= tonumber(ARGV[2])
local answers, scores, least = {}, {}, math.huge
for i = 3, #ARGV, 3 do
  answers[#answers + 1] = is_believed and 1 or -1
  scores[#scores + 1] = string.format('%d', now + ARGV[i + 1])
  scores[#scores + 1] = ARGV[i]
  least = math.min(least, tonumber(ARGV[i + 2]))
end
if not is_believed then return answers end

local function expired() return redis.call('ZCOUNT', KEYS[1], '-inf', string.format('%d', now)) end

-- A few at a time, however many have expired together: no script holds the server for long.
local gone = expired()
if gone > 0 then redis.call('ZREMRANGEBYRANK', KEYS[1], 0, math.min(gone, 100) - 1) end
local counted = redis.call('ZCARD', KEYS[1]) - math.max(0, gone - 100)
-- One that is counted already never counts for less.
if counted + #answers <= least then
  redis.call('ZADD', KEYS[1], 'GT', unpack(scores))
  return answers
end
-- Not all of them may find room: each is looked at by itself.
for i = 1, #answers do
  local score, lease = scores[2 * i - 1], scores[2 * i]
  local is_full = redis.call('ZCARD', KEYS[1]) - expired() >= tonumber(ARGV[3 * i + 2])
  if is_full and not redis.call('ZSCORE', KEYS[1], lease) then
    answers[i] = 0
  else
    redis.call('ZADD', KEYS[1], 'GT', score, lease)
  end
end
return answers
