-- Prolong a lease by a new generation, never beyond its first maximum.
-- KEYS: meta cuts due out live lease idem path…
-- ARGV: id, op, task, path, instance, ttl, evidence_exp, facts, outbox_max, digest, retention, key_id, detail,
--       earliest, latest, manifest of the key, how long its target may take (0: a token of ours),
--       graph, what was asked, when time alone may change the answer (0: never)
-- With a target the ledger is first: from here on it covers what the target is asked for, whatever becomes
-- of that. 'sure' is how long it lives there for certain, as long as that is less; until 'renewing' the one
-- renewal may be under way, and another one would race with it.
local taking = tonumber(ARGV[17])
local now, told = believed_clock(ARGV[14], ARGV[15])
if not now then return {'clock', text(told)} end
local known = redis.call('HMGET', KEYS[7], 'digest', 'id', 'generation', 'issued', 'expires', 'most', 'key_id')
if known[1] and known[1] ~= ARGV[10] then return {'conflict'} end
local lease = redis.call('HMGET', KEYS[6], unpack(LEASE_FIELDS))
local more = redis.call('HMGET', KEYS[6], 'max_expires', 'instance', 'generation', 'sure', 'renewing')
local is_busy = taking > 0 and tonumber(more[5] or '0') > now
if known[1] and taking == 0 then return {'repeat', unpack(known, 2, 7)} end
if not lease[1] or more[2] ~= ARGV[5] then return {'absent'} end
local ended, deadline = lease_ended(lease, ARGV[4], 8, #KEYS, now)
if ended then return {'closed', ended} end
if is_busy then return {'renewing'} end
if known[1] then
  -- The answer was lost, and what it delivered with it: the target is asked for the same once more.
  if more[3] ~= known[3] then return {'renewed-since'} end
  redis.call('HSET', KEYS[6], 'renewing', text(now + taking))
  return {'repeat', unpack(known, 2, 7)}
end
-- A renewal is new access: a cut made in this very millisecond refuses it as well.
if is_cut(now, lease[4], lease[5], lease[6], lease[7]) then return {'cut'} end
if is_stale(ARGV[8], ARGV[18], ARGV[16], ARGV[12]) then return {'stale'} end
if outbox_is_full(tonumber(ARGV[9])) then return {'full'} end
local most = tonumber(more[1])
local expires = math.floor(math.min(now + tonumber(ARGV[6]), most, deadline, tonumber(ARGV[7])) / 1000) * 1000
-- What is only reserved does not exist yet, so it cannot be prolonged.
local sure = tonumber(more[4] or lease[2])
if expires <= sure or lease[1] ~= 'active' then return {'not-renewable'} end
local generation = tonumber(more[3]) + 1
-- What has been written stays, so a key that is not what it must be stops the script here.
redis.call('ZCARD', KEYS[5])
local covered = math.max(expires, tonumber(lease[2]))
local latest = {}
for i = 8, #KEYS do latest[i] = math.max(tonumber(redis.call('HGET', KEYS[i], 'lx') or '0'), covered) end

local issued, ends, lasts = text(now), text(expires), text(covered)
redis.call('ZADD', KEYS[3], lasts, 'l:' .. ARGV[1] .. ':' .. ARGV[3])
tell('lease.renewed', now, ARGV[2], lease[4], '', '', 0, dated(ARGV[13], issued, ends))
redis.call('HSET', KEYS[6], 'expires', lasts, 'renewed', issued, 'key_id', ARGV[12], 'generation', generation,
  'asked', ARGV[19])
local doubtful = tonumber(ARGV[20])
if doubtful > 0 and doubtful < covered then
  redis.call('ZADD', KEYS[3], text(doubtful), 'c:' .. ARGV[1] .. ':' .. ARGV[3])
end
if taking > 0 then redis.call('HSET', KEYS[6], 'sure', text(sure), 'renewing', text(now + taking)) end
redis.call('ZADD', KEYS[5], lasts, ARGV[1])
for i = 8, #KEYS do redis.call('HSET', KEYS[i], 'seen', issued, 'lx', text(latest[i])) end
if ARGV[10] ~= '' then
  redis.call('HSET', KEYS[7], 'digest', ARGV[10], 'id', ARGV[1], 'generation', generation, 'issued', issued, 'expires', ends, 'most', text(most), 'key_id', ARGV[12])
  redis.call('PEXPIREAT', KEYS[7], text(most + tonumber(ARGV[11])))
end
return {'ok', ARGV[1], tostring(generation), issued, ends, text(most), ARGV[12]}
