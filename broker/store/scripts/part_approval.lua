-- What ends an approval. KEYS[3] is the due queue, KEYS[7] and KEYS[8] the open approvals of its tenant and its task.
-- Each line is there for the case that the next one fails: dead first, then told, then tidied up.
local function is_open(state)
  return state == 'pending' or state == 'approved'
end

-- Add members to the event's detail that the record brings along (a JSON object, not empty).
local function brief_with(brief, id, more)
  return string.sub(brief or cjson.encode({approval = id}), 1, -2) .. ',' .. string.sub(cjson.encode(more), 2)
end

local function tidy_approval(record, id, until_ms)
  redis.call('ZREM', KEYS[7], id)
  redis.call('ZREM', KEYS[8], id)
  redis.call('ZREM', KEYS[3], 'a:' .. id)
  redis.call('PEXPIREAT', record, text(until_ms))
end

local function end_approval(record, id, state, because, now, retention)
  redis.call('HSET', record, 'state', state, 'settled', text(now), 'because', because)
  redis.call('HINCRBY', record, 'version', 1)
end
