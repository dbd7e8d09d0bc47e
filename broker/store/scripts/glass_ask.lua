-- Ask to break glass. KEYS: meta cuts due out record all idem path…
-- ARGV: id, op, earliest, latest, tenant, agent, capability, until when it may be agreed to (ms from now), retention,
--       outbox_max, idem digest or '', spec, its digest, detail, facts, graph
local now, told = believed_clock(ARGV[3], ARGV[4])
if not now then return {'clock', text(told)} end
if ARGV[11] ~= '' then
  local known = redis.call('HMGET', KEYS[7], 'digest', 'id')
  if known[1] and known[1] ~= ARGV[11] then return {'conflict'} end
  if known[1] then return {'repeat', known[2]} end
end
if redis.call('EXISTS', KEYS[5]) == 1 then return {'repeat', ARGV[1]} end
if has_read_older(ARGV[15], ARGV[16]) then return {'stale'} end
local ended = path_ended(8, #KEYS, now)
if ended then return {'closed', ended} end
if is_cut(now, ARGV[5], ARGV[6], '', ARGV[7]) then return {'cut'} end
if outbox_is_full(tonumber(ARGV[10])) then return {'full'} end
local until_ms = now + tonumber(ARGV[8])
-- What has been written stays, so a key that is not what it must be stops the script here.
redis.call('ZCARD', KEYS[6])
tell('breakglass.requested', now, ARGV[2], ARGV[5], '', '', 0, ARGV[14])
redis.call('HSET', KEYS[5], 'state', 'requested', 'spec', ARGV[12], 'digest', ARGV[13], 'asked', text(now), 'until', text(until_ms))
redis.call('PEXPIREAT', KEYS[5], text(until_ms + tonumber(ARGV[9])))
redis.call('ZADD', KEYS[6], text(now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', text(now - 4 * tonumber(ARGV[9])))
if ARGV[11] ~= '' then
  redis.call('HSET', KEYS[7], 'digest', ARGV[11], 'id', ARGV[1])
  redis.call('PEXPIREAT', KEYS[7], text(until_ms + tonumber(ARGV[9])))
end
return {'ok', ARGV[1]}
