-- Note what became of killing a lease at its target, and when to go on. KEYS: meta cuts due out dying lease
-- ARGV: id, op, earliest, latest, state, why, come back after, retention, slack, tried (1 or 0), come back at (0: after),
--   final (1: nothing more can be done)
-- slack: how long after its expiry it has surely died of age there, '' where it does not of itself.
-- What is settled stays so. Answers the state and how long ago it ended, or 'gone', 'alive', 'reserved'.
local now, sure = cautious_clock(ARGV[3], ARGV[4])
local member = 'v:' .. ARGV[1]
local lease = redis.call('HMGET', KEYS[6], 'state', 'expires', 'tenant', 'death', 'target', 'task', 'capability', 'ended')
local function leave()
  redis.call('ZREM', KEYS[5], ARGV[1])
  redis.call('ZREM', KEYS[3], member)
end
if not lease[1] or not lease[5] then leave() return {'gone'} end
-- Only activating takes a reservation off the queue.
if lease[1] == 'reserved' then return {'reserved'} end
if lease[1] ~= 'ended' then leave() return {'alive'} end

local was, _, tries, tried_at = string.match(lease[4] or '', '^(%S+) (%S+) (%d+) (%d+)')
local settled = string.match(lease[4] or '', ' (%d+)$')
if was == 'confirmed' or was == 'expired' or (was == 'irrevocable' and settled ~= '0') then leave() return {was} end
local state, expires = ARGV[5], tonumber(lease[2])
if ARGV[9] ~= '' and state ~= 'confirmed' and sure and expires + tonumber(ARGV[9]) <= now then state = 'expired' end
tries, tried_at = tonumber(tries or '0'), tried_at or '0'
if ARGV[10] == '1' then tries, tried_at = tries + 1, text(now) end

if state == 'confirmed' or state == 'expired' or (state == 'irrevocable' and ARGV[12] == '1') then
  local detail = cjson.encode({credential = ARGV[1], task = lease[6], capability = lease[7], target = lease[5],
    state = state, tries = tries})
  tell('lease.dead', now, ARGV[2], lease[3] or '', '', '', 0, detail)
  redis.call('HSET', KEYS[6], 'death', table.concat({state, '-', text(tries), tried_at, '0', text(now)}, ' '))
  redis.call('PEXPIREAT', KEYS[6], text(math.max(expires, now) + tonumber(ARGV[8])))
  leave()
else
  local again = ARGV[11] ~= '0' and math.max(now, tonumber(ARGV[11])) or now + tonumber(ARGV[7])
  -- What dies of age only is looked at again when that is over.
  if state == 'irrevocable' and ARGV[9] ~= '' then again = math.max(now + 1000, expires + tonumber(ARGV[9])) end
  redis.call('ZADD', KEYS[3], text(again), member)
  redis.call('HSET', KEYS[6], 'death', table.concat({state, ARGV[6], text(tries), tried_at, text(again), '0'}, ' '))
end
return {state, text(now - tonumber(lease[8] or text(now)))}
