-- Tell of a freeze: the audiences of the whole tree refuse what was issued until then. It is told once;
-- 'freezes' remembers the last ones, each as "<cut>:<number in the outbox>": what verifiers acknowledge.
local KEPT = 16

local function tell_frozen(node_key, audiences_key, id, now, sure, op)
  local node = redis.call('HMGET', node_key, 'tenant', 'lx', 'cut', 'agent', 'frozen_by', 'frozen_why', 'freezes')
  local latest = tonumber(node[2] or '0') or now + 366 * 24 * 3600 * 1000
  local cut = '{"of":"task","name":' .. cjson.encode(id) .. ',"tenant":' .. cjson.encode(node[1] or '')
    .. ',"issued_before":' .. node[3] .. '}'
  local feed, audiences = '', ''
  -- With a clock that is not believed nothing is too old to be told.
  if not sure or latest > now then
    feed = '{"cut":' .. cut .. '}'
    local found = redis.pcall('SMEMBERS', audiences_key)
    audiences = found.err and '*' or table.concat(found, ' ')
  end
  local detail = '{"task":' .. cjson.encode(id) .. ',"agent":' .. cjson.encode(node[4] or '') .. ',"by":'
    .. cjson.encode(node[5] or '') .. ',"reason":' .. cjson.encode(node[6] or '') .. ',"cut":' .. cut .. '}'
  local n = tell('task.frozen', now, op, node[1] or '', feed, audiences, latest, detail)
  local freezes = {}
  for each in string.gmatch(node[7] or '', '%S+') do freezes[#freezes + 1] = each end
  freezes[#freezes + 1] = node[3] .. ':' .. text(n)
  local first = math.max(1, #freezes - KEPT + 1)
  redis.call('HSET', node_key, 'freezes', table.concat(freezes, ' ', first), 'freeze_n', n)
end
