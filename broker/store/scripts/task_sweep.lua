-- Look at one task that may be due: past its deadline, or silent for too long. Otherwise say when
-- to look again. KEYS: meta cuts due out node audiences [open-siblings open-below…].
-- ARGV: id, op, earliest, latest. With a clock that is not believed nobody is late: it comes back.
-- Silence counts only while somebody listened: not before 'back'.
-- A lost "seen" value is set to now and told: never read as silent since the beginning.
local now, told = believed_clock(ARGV[3], ARGV[4])
if not now then return {'clock', text(told)} end
local node = redis.call('HMGET', KEYS[5], 'state', 'deadline', 'idle', 'seen', 'opener_timeout', 'oseen', 'tenant')
local member = 't:' .. ARGV[1]
if node[1] ~= 'open' and node[1] ~= 'frozen' then
  redis.call('ZREM', KEYS[3], member)
  return {'gone'}
end
local function seen_at(field, value)
  local at = tonumber(value or '')
  if at then return math.max(at, tonumber(redis.call('HGET', KEYS[1], 'back') or '0')) end
  redis.call('HSET', KEYS[5], field, text(now))
  tell('task.activity-lost', now, ARGV[2], node[7], '', '', 0, cjson.encode({task = ARGV[1], field = field}))
  return now
end
local look = tonumber(node[2])
local why = look <= now and 'deadline' or nil
local idle, opener_timeout = tonumber(node[3]), tonumber(node[5])
if not why and idle > 0 then
  local due = seen_at('seen', node[4]) + idle
  if due <= now then why = 'idle' else look = math.min(look, due) end
end
if not why and opener_timeout > 0 then
  local due = seen_at('oseen', node[6]) + opener_timeout
  if due <= now then why = 'opener-silent' else look = math.min(look, due) end
end
if why then
  close_task(KEYS[5], KEYS[6], ARGV[1], 'cancelled', why, 'broker', now, true, ARGV[2])
  return {'closed', why, text(look)}
end
redis.call('ZADD', KEYS[3], text(look), member)
return {'later', text(look)}
