-- Show a lease as the judge sees it. KEYS: meta cuts lease path…   ARGV: path, signing key of the token at hand or ''
local now = read_clock()
local fields = redis.call('HMGET', KEYS[3], unpack(LEASE_FIELDS))
local ended = lease_ended(fields, ARGV[1], 4, #KEYS, now)
if not ended and is_key_cut(ARGV[2]) then ended = 'cut' end
local lease = redis.call('HMGET', KEYS[3], 'spec', 'state', 'generation', 'issued', 'expires', 'max_expires',
  'ended', 'ended_by', 'end_n', 'key_id', 'renewed', 'death', 'sure', 'why', 'used')
return {text(now), ended or '', unpack(lease)}
