-- What every script of the feed shares. KEYS[1] is always the feed's meta hash.

-- Lua keeps numbers as doubles; instants and numbers of entries stay far below 2^53. '%d' takes a third
-- of the time of '%.0f', but knows no number beyond 64 bits.
local function int(number)
  return string.format(number > -9e15 and number < 9e15 and '%d' or '%.0f', number)
end

-- Refuses a key of another type before anything is written: a script that fails half way leaves
-- what it wrote.
local function require_type(key, wanted)
  local found = redis.call('TYPE', key)
  if type(found) == 'table' then found = found.ok end
  if found ~= 'none' and found ~= wanted then
    error('the key ' .. key .. ' is a ' .. found .. ', not a ' .. wanted)
  end
end

-- Between which instants the caller believes the clock: the last two words of every call that asks it.
local EARLIEST, LATEST = tonumber(ARGV[#ARGV - 1]), tonumber(ARGV[#ARGV])

-- The time, and whether the caller may believe it. It never goes back, even when a failover lands on
-- a server that is behind. One that is not believed makes nothing old, and one that runs ahead dates
-- nothing later than the caller would.
local function read_clock(meta)
  local time = redis.call('TIME')
  local last = tonumber(redis.call('HGET', meta, 'now') or '0')
  local now = math.max(tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), last)
  if now >= EARLIEST and now <= LATEST then return now, true end
  return math.max(last, math.min(now, LATEST)), false
end

-- Keeps the clock, if it is believed, and gives an empty feed its epoch. A write in any case: a
-- replica that still believes it is a primary of a fenced cluster refuses it, so that it can keep
-- nobody's verifier alive.
local function open_feed(meta, candidate)
  local now, sure = read_clock(meta)
  if sure then redis.call('HSET', meta, 'now', int(now)) end
  if redis.call('HSETNX', meta, 'epoch', candidate) == 1 then
    redis.call('HSET', meta, 'born', int(now), 'seq', '0')
  end
  return now, redis.call('HGET', meta, 'epoch'), tonumber(redis.call('HGET', meta, 'seq')), sure
end

-- The oldest number that the log still has; one past its end when it has none.
local function first_of(log, seq)
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)
  if #oldest == 0 then return seq + 1 end
  return tonumber(string.match(oldest[1][1], '^%d+'))
end
