-- What some leases were given, and what was asked for it. KEYS: leases
local found = {}
for i = 1, #KEYS do
  found[i] = redis.call('HMGET', KEYS[i], 'state', 'spec', 'asked', 'issued', 'renewed', 'expires', 'generation', 'used',
    'said', 'said_at')
end
return found
