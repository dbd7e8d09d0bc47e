-- A subscriber's record, one field of its audience's hash: '<acked seq> <seen> <epoch> <connection>'.
-- 'seen' is the last instant that an alive message to it may have named. The field '.confirmed' is
-- no subscriber's (their ids have no dot): up to that seq everybody once confirmed.
local CONFIRMED = '.confirmed'

local function parse_subscriber(record)
  local acked, seen, epoch, connection = string.match(record or '', '^(%d+) (%d+) (%S+) (%S+)$')
  if not acked then return nil end
  return { acked = tonumber(acked), seen = tonumber(seen), epoch = epoch, connection = connection }
end

local function write_subscriber(subs, id, it)
  local words = { int(it.acked), int(it.seen), it.epoch, it.connection }
  redis.call('HSET', subs, id, table.concat(words, ' '))
end

-- Every subscriber that still counts; the others are dropped on the way.
local function subscribers_of(subs, forgotten_before)
  local found, total = {}, 0
  local fields = redis.call('HGETALL', subs)
  for index = 1, #fields, 2 do
    local id = fields[index]
    local it = id ~= CONFIRMED and parse_subscriber(fields[index + 1])
    if it and it.seen >= forgotten_before then
      found[id], total = it, total + 1
    elseif id ~= CONFIRMED then
      redis.call('HDEL', subs, id)
    end
  end
  return found, total
end
