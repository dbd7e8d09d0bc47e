-- Keep an operator's order, once, tell who gave it, and see to it that it is carried out whoever
-- dies: the due queue comes back to it. KEYS: meta cuts due out record
-- ARGV: op, id, spec, retention, how soon to come back, tenant, detail, earliest, latest
local now = cautious_clock(ARGV[8], ARGV[9])
if redis.call('HEXISTS', KEYS[5], 'spec') == 0 then
  redis.call('ZADD', KEYS[3], text(now + tonumber(ARGV[5])), 'x:' .. ARGV[2])
  tell('revocation.ordered', now, ARGV[1], ARGV[6], '', '', 0, ARGV[7])
  redis.call('HSET', KEYS[5], 'spec', ARGV[3])
end
redis.call('PEXPIRE', KEYS[5], ARGV[4])
return redis.call('HGET', KEYS[5], 'spec')
