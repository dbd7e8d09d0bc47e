-- The ledger's clock: the server's, but never behind what this bucket has already seen.
-- KEYS[1] is the bucket's meta hash in every script of the ledger.
local function read_clock()
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  local last = tonumber(redis.call('HGET', KEYS[1], 'now') or '') or 0
  if last > now then return last end
  return now
end

local function advance_clock()
  local now = read_clock()
  redis.call('HSET', KEYS[1], 'now', string.format('%.0f', now))
  return now
end

local function text(number)
  return string.format('%.0f', number)
end
