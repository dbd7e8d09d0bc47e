-- End up to 100 leases. KEYS: meta cuts due out dying, then for each: lease, live leases of its task
-- ARGV: op, reason, retention, earliest, latest, then for each: lease id, task id, generation, why
-- With a generation only that one is ended: another one was given since. 'why' is a JSON object for operators, or ''.
-- reason 'expired' spares those that were renewed meanwhile, and all when the clock is not believed. Each lease ends once: a repeat tells
-- nothing, unless the first could not. It leaves the due queue last, when nothing is left to do.
-- One that has a target is killed there: the due queue holds that until the target has confirmed.
local now, sure = cautious_clock(ARGV[4], ARGV[5])
local reason, retention = ARGV[2], tonumber(ARGV[3])
local TOLD_ALONE = {revoked = true, ['given-back'] = true, undone = true, collateral = true,
  ['no-longer-granted'] = true}
local ended = {}
if reason == 'expired' and not sure then return ended end
for i = 1, (#KEYS - 5) / 2 do
  local lease_key, live_key = KEYS[4 + 2 * i], KEYS[5 + 2 * i]
  local id, task, generation, because = unpack(ARGV, 2 + 4 * i, 5 + 4 * i)
  local lease = redis.call('HMGET', lease_key, 'state', 'expires', 'tenant', 'audience', 'capability', 'agent',
    'ended_by', 'end_n', 'target', 'generation', 'why')
  local member = 'l:' .. id .. ':' .. task
  if not lease[1] or lease[8] then
    redis.call('ZREM', live_key, id)
    redis.call('ZREM', KEYS[3], member, 'c:' .. id .. ':' .. task)
  elseif generation == '' or generation == lease[10] then
    local expires = tonumber(lease[2])
    local why = lease[7] or (sure and expires <= now and 'expired') or reason
    if lease[7] then because = lease[11] or '' elseif why ~= reason then because = '' end
    if why == 'expired' and expires > now then
      redis.call('ZADD', KEYS[3], text(expires), member)
    else
      local at = why == 'expired' and expires or now
      local feed, audience = '', ''
      if TOLD_ALONE[why] then feed, audience = cjson.encode({jti = id}), lease[4] or '*' end
      if lease[9] and not lease[7] then
        redis.call('ZADD', KEYS[3], text(now), 'v:' .. id)
        redis.call('ZADD', KEYS[5], text(now), id)
        -- Never activated, it may still be on its way: its absence says nothing for a while.
        redis.call('HSET', lease_key, 'death', 'requested - 0 0 ' .. text(now) .. ' 0', 'was', lease[1])
      end
      if not lease[7] then
        redis.call('HSET', lease_key, 'state', 'ended', 'ended', text(at), 'ended_by', why)
        if because ~= '' then redis.call('HSET', lease_key, 'why', because) end
        if not lease[9] then redis.call('PEXPIREAT', lease_key, text(math.max(expires, now) + retention)) end
      end
      local detail = cjson.encode({credential = id, task = task, agent = lease[6], capability = lease[5],
        audience = lease[4], ended_by = why})
      if because ~= '' then detail = string.sub(detail, 1, -2) .. ',"why":' .. because .. '}' end
      local n = tell('lease.ended', now, ARGV[1], lease[3] or '', feed, audience, expires, detail)
      redis.call('HSET', lease_key, 'end_n', n)
      redis.call('ZREM', live_key, id)
      redis.call('ZREM', KEYS[3], member, 'c:' .. id .. ':' .. task)
      ended[#ended + 1] = id
    end
  end
end
return ended
