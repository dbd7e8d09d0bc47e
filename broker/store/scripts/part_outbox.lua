-- Append one event to the bucket's outbox (KEYS[4]), in the same breath as the change it tells of.
-- Numbers are dense: whoever reads them sees that nothing is missing.
local function outbox_is_full(limit)
  return redis.call('XLEN', KEYS[4]) >= limit
end

local function tell(kind, now, op, tenant, feed, audiences, exp, detail)
  local n = redis.call('HINCRBY', KEYS[1], 'out', 1)
  redis.call('XADD', KEYS[4], n .. '-0', 'type', kind, 'at', text(now), 'op', op, 'tenant', tenant,
    'feed', feed, 'aud', audiences, 'exp', text(exp), 'detail', detail)
  return n
end
