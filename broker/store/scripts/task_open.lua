-- Open a task, once. KEYS: meta cuts due out node idem ix-agent ix-tenant ix-issuer ix-all,
-- then for a child: siblings open-siblings path…, then the tasks below those above it that bound them,
-- then indexes of what the task names
-- What a person lends: the last two of ARGV name the cuts that end it, and since when her evidence was good.
-- ARGV: id, op, path, tenant, agent, issuer, instance, claim, ttl, idle, opener_timeout, max_ttl,
--       facts, outbox_max, children_max, digest, idem_ttl, spec, earliest, latest, graph,
--       how many indexes of what it names, how many tasks each of those above allows below itself
local now, told = believed_clock(ARGV[19], ARGV[20])
local rooms = {}
for most in string.gmatch(ARGV[23], '%d+') do rooms[#rooms + 1] = tonumber(most) end
local last = #KEYS - tonumber(ARGV[22]) - #rooms
if not now then return {'clock', text(told)} end
local known = redis.call('HMGET', KEYS[6], 'digest', 'id')
if known[1] then
  if known[1] ~= ARGV[16] then return {'conflict'} end
  -- Without an id the key is only bound so far (idem_bind), and lives in this very bucket.
  if known[2] then return {'repeat', known[2]} end
end
if redis.call('HEXISTS', KEYS[5], 'state') == 1 then return {'repeat', ARGV[1]} end
local ended, deadline = path_ended(13, last, now)
if ended then return {'closed', ended} end
if is_cut(now, ARGV[4], ARGV[5], ARGV[6], nil) then return {'cut'} end
if is_lent_cut(ARGV[24], ARGV[25]) then return {'cut'} end
if has_read_older(ARGV[13], ARGV[21]) then return {'stale'} end
if outbox_is_full(tonumber(ARGV[14])) then return {'full'} end
local is_child = last > 10
if is_child and redis.call('ZCOUNT', KEYS[12], '(' .. text(now), '+inf') >= tonumber(ARGV[15]) then return {'quota'} end
for i, most in ipairs(rooms) do
  if redis.call('ZCOUNT', KEYS[last + i], '(' .. text(now), '+inf') >= most then return {'quota'} end
end
local ends = math.min(now + tonumber(ARGV[9]), deadline)
local first_look = ends
local idle, opener_timeout = tonumber(ARGV[10]), tonumber(ARGV[11])
if idle > 0 then first_look = math.min(first_look, now + idle) end
if opener_timeout > 0 then first_look = math.min(first_look, now + opener_timeout) end

-- What has been written stays, so a key that is not what it must be stops the script here.
for i = 7, is_child and 11 or 10 do redis.call('ZCARD', KEYS[i]) end
for i = last + 1, #KEYS do redis.call('ZCARD', KEYS[i]) end

redis.call('ZADD', KEYS[3], text(first_look), 't:' .. ARGV[1])
tell('task.opened', now, ARGV[2], ARGV[4], '', '', 0, ARGV[18])
local last_deadline = math.min(now + tonumber(ARGV[12]), deadline)
redis.call('HSET', KEYS[5], 'state', 'open', 'opened', text(now), 'deadline', text(ends),
  'last_deadline', text(last_deadline), 'idle', ARGV[10], 'opener_timeout', ARGV[11],
  'seen', text(now), 'oseen', text(now), 'instance', ARGV[7], 'claim', ARGV[8], 'tenant', ARGV[4],
  'agent', ARGV[5], 'issuer', ARGV[6], 'path', ARGV[3], 'spec', ARGV[18])
if ARGV[24] ~= '' then redis.call('HSET', KEYS[5], 'lent', ARGV[24], 'shown', ARGV[25]) end
for i = 7, 10 do redis.call('ZADD', KEYS[i], text(now), ARGV[1]) end
for i = last + #rooms + 1, #KEYS do redis.call('ZADD', KEYS[i], text(now), ARGV[1]) end
-- Tasks from before this instant are in no index of what they name.
redis.call('HSETNX', KEYS[1], 'named', text(now))
if is_child then
  redis.call('ZADD', KEYS[11], text(now), ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[12], '-inf', text(now))
  redis.call('ZADD', KEYS[12], text(ends), ARGV[1])
end
for i = last + 1, last + #rooms do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', text(now))
  redis.call('ZADD', KEYS[i], text(ends), ARGV[1])
end
if ARGV[16] ~= '' then
  redis.call('HSET', KEYS[6], 'digest', ARGV[16], 'id', ARGV[1])
  redis.call('PEXPIREAT', KEYS[6], text(last_deadline + tonumber(ARGV[17])))
end
return {'ok', ARGV[1]}
