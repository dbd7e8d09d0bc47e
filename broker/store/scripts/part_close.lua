-- End one task: O(1) whatever hangs below it. Its descendants and leases are dead from here on,
-- because every judgement walks the path; taking them down one by one follows from the due queue.
-- KEYS[3] is the due queue; KEYS[7] and on, for a child only, are the open children of its parent and
-- the open tasks below each task above it (depth <= 8).
-- Each line is there for the case that the next one fails: dead first, then told, then tidied up.

-- How long the event of a task is kept whose leases' latest expiry cannot be read.
local UNKNOWN_LIFE = 366 * 24 * 3600 * 1000

local function tell_closed(node_key, audiences_key, id, now, sure, op)
  local node = redis.call('HMGET', node_key, 'tenant', 'lx', 'state', 'ended_by', 'closed_by')
  local latest = tonumber(node[2] or '0') or now + UNKNOWN_LIFE
  local feed, audiences = '', ''
  -- With a clock that is not believed nothing is too old to be told.
  if not sure or latest > now then
    feed = cjson.encode({task = id})
    local found = redis.pcall('SMEMBERS', audiences_key)
    audiences = found.err and '*' or table.concat(found, ' ')
  end
  local detail = cjson.encode({task = id, state = node[3], ended_by = node[4], closed_by = node[5]})
  local n = tell('task.closed', now, op, node[1] or '', feed, audiences, latest, detail)
  redis.call('HSET', node_key, 'close_n', n)
end

local function close_task(node_key, audiences_key, id, state, ended_by, closed_by, now, sure, op)
  redis.call('ZADD', KEYS[3], text(now), 'k:' .. id)
  redis.call('HSET', node_key, 'state', state, 'closed', text(now), 'ended_by', ended_by,
    'closed_by', closed_by)
  tell_closed(node_key, audiences_key, id, now, sure, op)
  redis.call('ZREM', KEYS[3], 't:' .. id)
  for i = 7, #KEYS do redis.call('ZREM', KEYS[i], id) end
end
