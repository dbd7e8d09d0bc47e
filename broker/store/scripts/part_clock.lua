-- The ledger's clock: the server's, but never behind what this bucket has already seen.
-- KEYS[1] is the bucket's meta hash in every script of the ledger.
local JUMP = 60000
local AWAY = 5000

-- What else scripts need of the meta hash, read in one go with the clock: each command of a script
-- costs the server more than the few bytes that it brings.
local facts_revision, graph_revision, last_told, keys_manifest = nil, nil, nil, nil

local function clocks()
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  local meta = redis.call('HMGET', KEYS[1], 'now', 'facts', 'out', 'keys', 'graph')
  facts_revision, last_told = tonumber(meta[2] or '0'), tonumber(meta[3] or '0')
  keys_manifest, graph_revision = tonumber(meta[4] or '0'), tonumber(meta[5] or '0')
  local last = tonumber(meta[1] or '') or 0
  return math.max(now, last), last
end

-- '%d' takes a third of the time of '%.0f', but knows no number beyond 64 bits.
local function text(number)
  return string.format(number > -9e15 and number < 9e15 and '%d' or '%.0f', number)
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

-- For what takes away and tells, whatever the clocks say: the time, and whether a broker whose own
-- clock allows these bounds may believe it. If not, nothing is kept and nothing may count as old; and
-- a clock that runs ahead dates nothing later than that broker would.
local function cautious_clock(earliest, latest)
  local now, last = clocks()
  if now >= tonumber(earliest) and now <= tonumber(latest) then
    keep(now, last)
    return now, true
  end
  return math.max(last, math.min(now, tonumber(latest))), false
end

-- For what gives, and for what lets things age: the time if it may be believed, else nil.
local function believed_clock(earliest, latest)
  local now, sure = cautious_clock(earliest, latest)
  return sure and now or nil, now
end
