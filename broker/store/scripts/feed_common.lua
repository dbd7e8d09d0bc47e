-- What every script of the feed shares. KEYS[1] is always the feed's meta hash.

-- Lua keeps numbers as doubles; instants and numbers of entries stay far below 2^53.
local function int(number)
  return string.format('%.0f', number)
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

-- The feed's clock never goes back, even when a failover lands on a server that is behind.
local function read_clock(meta)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  return math.max(now, tonumber(redis.call('HGET', meta, 'now') or '0'))
end

-- Keeps the clock, and gives an empty feed its epoch. A write: a replica that still believes it is
-- a primary of a fenced cluster refuses it, so that it can keep nobody's verifier alive.
local function open_feed(meta, candidate)
  local now = read_clock(meta)
  redis.call('HSET', meta, 'now', int(now))
  if redis.call('HSETNX', meta, 'epoch', candidate) == 1 then
    redis.call('HSET', meta, 'born', int(now), 'seq', '0')
  end
  return now, redis.call('HGET', meta, 'epoch'), tonumber(redis.call('HGET', meta, 'seq'))
end

-- The oldest number that the log still has; one past its end when it has none.
local function first_of(log, seq)
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)
  if #oldest == 0 then return seq + 1 end
  return tonumber(string.match(oldest[1][1], '^%d+'))
end
