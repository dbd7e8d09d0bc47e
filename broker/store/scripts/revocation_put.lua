-- Keep an operator's order, once, tell who gave it, list it, and see to it that it is carried out
-- whoever dies: the due queue comes back to it.
-- KEYS: meta cuts due out record, the lists that it belongs to (first that of all orders), then records
-- of orders that are listed and may be gone: those that are leave the lists
-- ARGV: op, id, spec, retention, how soon to come back, tenant, detail, earliest, latest, number of lists,
-- then the ids of the orders that may be gone
-- No two orders of a bucket have one time, and a later one has a later: so a list is paged by time.
local now = cautious_clock(ARGV[8], ARGV[9])
local last_list = 5 + tonumber(ARGV[10])
if redis.call('HEXISTS', KEYS[5], 'spec') == 0 then
  redis.call('ZADD', KEYS[3], text(now + tonumber(ARGV[5])), 'x:' .. ARGV[2])
  tell('revocation.ordered', now, ARGV[1], ARGV[6], '', '', 0, ARGV[7])
  local newest = redis.call('ZRANGE', KEYS[6], -1, -1, 'WITHSCORES')
  local at = text(math.max(now, (tonumber(newest[2] or '') or 0) + 1))
  redis.call('HSET', KEYS[5], 'spec', ARGV[3], 'at', at)
  for i = 6, last_list do
    redis.call('ZADD', KEYS[i], at, ARGV[2])
    redis.call('PEXPIRE', KEYS[i], text(2 * tonumber(ARGV[4])))
  end
end
redis.call('PEXPIRE', KEYS[5], ARGV[4])
for i = last_list + 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    for list = 6, last_list do redis.call('ZREM', KEYS[list], ARGV[10 + i - last_list]) end
  end
end
return redis.call('HGET', KEYS[5], 'spec')
