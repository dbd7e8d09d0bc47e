-- Prolong a lease by a new generation, never beyond its first maximum.
-- KEYS: meta cuts due out live lease idem path…
-- ARGV: id, op, task, path, instance, ttl, evidence_exp, facts, outbox_max, digest, retention, key_id, detail,
--       earliest, latest, manifest of the key
local now, told = believed_clock(ARGV[14], ARGV[15])
if not now then return {'clock', text(told)} end
local known = redis.call('HMGET', KEYS[7], 'digest', 'id', 'generation', 'issued', 'expires', 'most', 'key_id')
if known[1] then
  if known[1] ~= ARGV[10] then return {'conflict'} end
  return {'repeat', known[2], known[3], known[4], known[5], known[6], known[7]}
end
local lease = redis.call('HMGET', KEYS[6], unpack(LEASE_FIELDS))
local more = redis.call('HMGET', KEYS[6], 'max_expires', 'instance', 'generation')
if not lease[1] or more[2] ~= ARGV[5] then return {'absent'} end
local ended, deadline = lease_ended(lease, ARGV[4], 8, #KEYS, now)
if ended then return {'closed', ended} end
-- A renewal is new access: a cut made in this very millisecond refuses it as well.
if is_cut(now, lease[4], lease[5], lease[6], lease[7]) then return {'cut'} end
if is_stale(ARGV[8], ARGV[16], ARGV[12]) then return {'stale'} end
if outbox_is_full(tonumber(ARGV[9])) then return {'full'} end
local most = tonumber(more[1])
local expires = math.floor(math.min(now + tonumber(ARGV[6]), most, deadline, tonumber(ARGV[7])) / 1000) * 1000
-- What is only reserved does not exist yet, so it cannot be prolonged.
if expires <= tonumber(lease[2]) or lease[1] ~= 'active' then return {'not-renewable'} end
local generation = tonumber(more[3]) + 1
-- What has been written stays, so a key that is not what it must be stops the script here.
redis.call('ZCARD', KEYS[5])
local latest = {}
for i = 8, #KEYS do latest[i] = math.max(tonumber(redis.call('HGET', KEYS[i], 'lx') or '0'), expires) end

local issued, ends = text(now), text(expires)
redis.call('ZADD', KEYS[3], ends, 'l:' .. ARGV[1] .. ':' .. ARGV[3])
tell('lease.renewed', now, ARGV[2], lease[4], '', '', 0, dated(ARGV[13], issued, ends))
redis.call('HSET', KEYS[6], 'expires', ends, 'renewed', issued, 'key_id', ARGV[12], 'generation', generation)
redis.call('ZADD', KEYS[5], ends, ARGV[1])
for i = 8, #KEYS do redis.call('HSET', KEYS[i], 'seen', issued, 'lx', text(latest[i])) end
if ARGV[10] ~= '' then
  redis.call('HSET', KEYS[7], 'digest', ARGV[10], 'id', ARGV[1], 'generation', generation, 'issued', issued, 'expires', ends, 'most', text(most), 'key_id', ARGV[12])
  redis.call('PEXPIREAT', KEYS[7], text(most + tonumber(ARGV[11])))
end
return {'ok', ARGV[1], tostring(generation), issued, ends, text(most), ARGV[12]}
