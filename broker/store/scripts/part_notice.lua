-- What the scripts of notices share. KEYS[1] is the hash of notices.
local function int(number)
  return string.format('%.0f', number)
end

local function read_now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Who was given the turn last is the only one who may write: whoever was before is answered no.
local function has_turn(fence)
  return redis.call('HGET', KEYS[1], 'fence') == fence
end
