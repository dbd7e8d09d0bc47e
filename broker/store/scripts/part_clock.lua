-- The ledger's clock: the server's, but never behind what this bucket has already seen.
-- KEYS[1] is the bucket's meta hash in every script of the ledger.
local JUMP = 60000
local AWAY = 5000

-- What else scripts need of the meta hash, read in one go with the clock: each command of a script
-- costs the server more than the few bytes that it brings.
local facts_revision, last_told = nil, nil

local function clocks()
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  local meta = redis.call('HMGET', KEYS[1], 'now', 'facts', 'out')
  facts_revision, last_told = tonumber(meta[2] or '0'), tonumber(meta[3] or '0')
  local last = tonumber(meta[1] or '') or 0
  return math.max(now, last), last
end

local function text(number)
  return string.format('%.0f', number)
end

local function read_clock()
  local now = clocks()
  return now
end

-- Brokers look at every bucket all the time. One that was not looked at for seconds is one that
-- nobody could be heard in: silence counts from 'back' on.
local function keep(now, last)
  if last > 0 and now - last > AWAY then redis.call('HSET', KEYS[1], 'back', text(now)) end
  redis.call('HSET', KEYS[1], 'now', text(now))
end

-- A jump is not kept, for who cannot tell it from a long rest: kept, it would stand for ever.
local function advance_clock()
  local now, last = clocks()
  if last == 0 or now - last <= JUMP then keep(now, last) end
  return now
end

-- The clock, if a broker whose own clock allows these bounds may believe it; else nil, and nothing
-- is kept.
local function believed_clock(earliest, latest)
  local now, last = clocks()
  if now < tonumber(earliest) or now > tonumber(latest) then return nil, now end
  keep(now, last)
  return now, now
end
