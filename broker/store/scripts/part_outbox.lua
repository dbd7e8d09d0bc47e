-- Append one event to the bucket's outbox (KEYS[4]), in the same breath as the change it tells of.
-- Numbers are dense: whoever reads them sees that nothing is missing.
local function outbox_is_full(limit)
  return redis.call('XLEN', KEYS[4]) >= limit
end

local function tell(kind, now, op, tenant, feed, audiences, exp, detail)
  local n = last_told + 1
  redis.call('XADD', KEYS[4], text(n) .. '-0', 'type', kind, 'at', text(now), 'op', op, 'tenant', tenant,
    'feed', feed, 'aud', audiences, 'exp', text(exp), 'detail', detail)
  -- The number is taken last: an append that fails must leave no gap, at which shipping would stop.
  redis.call('HSET', KEYS[1], 'out', text(n))
  last_told = n
  return n
end

-- Put the dates that only this script knows into an event's detail (a JSON object, not empty).
local function dated(detail, issued, expires)
  return string.sub(detail, 1, -2) .. ',"issued_at_ms":' .. issued .. ',"expires_at_ms":' .. expires .. '}'
end
