-- End one task: O(1) whatever hangs below it. Its descendants and leases are dead from here on,
-- because every judgement walks the path; taking them down one by one follows from the due queue.
-- KEYS[3] is the due queue; KEYS[7], for a child only, the open children of its parent.
local function close_task(node_key, audiences_key, id, state, ended_by, closed_by, now, op)
  local node = redis.call('HMGET', node_key, 'tenant', 'lx')
  local latest = tonumber(node[2] or '0')
  local feed, audiences = '', ''
  if latest > now then
    feed = cjson.encode({task = id})
    audiences = table.concat(redis.call('SMEMBERS', audiences_key), ' ')
  end
  redis.call('ZADD', KEYS[3], text(now), 'k:' .. id)
  redis.call('ZREM', KEYS[3], 't:' .. id)
  if KEYS[7] then redis.call('ZREM', KEYS[7], id) end
  redis.call('HSET', node_key, 'state', state, 'closed', text(now), 'ended_by', ended_by,
    'closed_by', closed_by)
  local detail = cjson.encode({task = id, state = state, ended_by = ended_by, closed_by = closed_by})
  local n = tell('task.closed', now, op, node[1], feed, audiences, latest, detail)
  redis.call('HSET', node_key, 'close_n', n)
  return n
end
