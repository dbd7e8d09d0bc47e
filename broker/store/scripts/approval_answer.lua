-- Write down what one person says. A no ends it, at any time before it is used; a yes is for exactly what its page showed.
-- KEYS: meta cuts due out record asking tenant's task's path…
-- ARGV: id, op, person, answer, voice, digest, version, is it met with this voice (1 or 0), facts, graph, outbox_max,
--       retention, earliest, latest, for how long the same request is not asked again after a no
local now, sure = cautious_clock(ARGV[13], ARGV[14])
local mine = 'v:' .. ARGV[3]
local held = redis.call('HMGET', KEYS[5], 'state', 'version', 'digest', 'expires', 'good', 'brief', 'tenant', mine, 'last:' .. ARGV[3])
local state = held[1]
if not state then return {'absent'} end
if held[3] ~= ARGV[6] then return {'stale-page', held[2]} end
local noes = redis.call('HGET', KEYS[#KEYS], 'noes') or '0'
-- One person has one voice: saying the same again changes nothing, whatever has come of it.
if held[8] and held[9] == ARGV[4] then return {'repeat', state, noes} end
if not is_open(state) then return {'settled', state} end
if held[9] == 'no' then return {'settled', state} end
local detail = {answer = ARGV[4], by = 'person:' .. ARGV[3]}
local voice = string.sub(ARGV[5], 1, -2) .. ',"at_ms":' .. text(now) .. '}'

if ARGV[4] == 'no' then
  end_approval(KEYS[5], ARGV[1], 'denied', 'said-no', now)
  redis.call('HSET', KEYS[5], mine, voice, 'last:' .. ARGV[3], 'no')
  detail.state = 'denied'
  tell('approval.answered', now, ARGV[2], held[7], '', '', 0, brief_with(held[6], ARGV[1], detail))
  if redis.call('EXISTS', KEYS[#KEYS]) == 1 then noes = tostring(redis.call('HINCRBY', KEYS[#KEYS], 'noes', 1)) end
  if redis.call('GET', KEYS[6]) == ARGV[1] then redis.call('PEXPIRE', KEYS[6], ARGV[15]) end
  tidy_approval(KEYS[5], ARGV[1], now + tonumber(ARGV[12]))
  return {'ok', 'denied', noes}
end

if not sure then return {'clock', text(now)} end
if state ~= 'pending' then return {'settled', state} end
if tonumber(held[4]) <= now then return {'settled', 'expired'} end
if held[2] ~= ARGV[7] then return {'stale-page', held[2]} end
local ended, deadline = path_ended(9, #KEYS, now)
if ended then return {'closed', ended} end
if has_read_older(ARGV[9], ARGV[10]) then return {'stale'} end
if outbox_is_full(tonumber(ARGV[11])) then return {'full'} end
if ARGV[8] == '1' then
  state = 'approved'
  local expires = text(math.min(now + tonumber(held[5]), deadline))
  redis.call('ZADD', KEYS[3], expires, 'a:' .. ARGV[1])
  detail.expires_at_ms = tonumber(expires)
  redis.call('HSET', KEYS[5], mine, voice, 'last:' .. ARGV[3], 'yes', 'state', state, 'expires', expires)
else
  redis.call('HSET', KEYS[5], mine, voice, 'last:' .. ARGV[3], 'yes')
end
redis.call('HINCRBY', KEYS[5], 'version', 1)
detail.state = state
tell('approval.answered', now, ARGV[2], held[7], '', '', 0, brief_with(held[6], ARGV[1], detail))
return {'ok', state, noes}
