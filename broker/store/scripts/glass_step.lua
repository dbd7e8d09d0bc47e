-- Take one step with an emergency. KEYS: meta cuts due out record unreviewed path…
-- ARGV: step, id, op, earliest, latest, tenant, agent, capability, detail, facts, graph,
--       then what the step needs. Steps:
--   agree    digest, person               somebody says yes to exactly this
--   ready    for how long a review may take: it is owed from before the alarm on
--   open     for how long at most, who was told
--   fail     why                          nobody could be told: nothing opens
--   note     lease                        what was had by it; not once it has ended
--   end      by whom
--   expire   by whom: its time has come; whoever notes it first tells
--   review   by whom, words, retention
-- A repeat changes and tells nothing. Answers {'ok'}, or {'state', the state that it is in};
-- {'early', when} where its time has not come.
local step, id, op = ARGV[1], ARGV[2], ARGV[3]
local gives = step == 'agree' or step == 'ready' or step == 'open' or step == 'note'
local now, sure = cautious_clock(ARGV[4], ARGV[5])
if gives and not sure then return {'clock', text(now)} end
local record = redis.call('HMGET', KEYS[5], 'state', 'until', 'digest', 'voices', 'ends', 'lease', 'opened', 'reviewed')
local state, voices = record[1], record[4] or ''
if not state then return {'absent'} end
local is_asked = state == 'requested' or state == 'agreed'
if is_asked and tonumber(record[2]) <= now then return {'state', 'lapsed'} end
if state == 'open' and tonumber(record[5]) <= now then state = 'ended' end

local function say(kind) tell(kind, now, op, ARGV[6], '', '', 0, ARGV[9]) end

local function refused()
  if has_read_older(ARGV[10], ARGV[11]) then return {'stale'} end
  local ended = path_ended(7, #KEYS, now)
  if ended then return {'closed', ended} end
  if is_cut(now, ARGV[6], ARGV[7], '', ARGV[8]) then return {'cut'} end
end

if step == 'agree' then
  if not is_asked then return {'state', state} end
  if record[3] ~= ARGV[12] then return {'changed'} end
  local no = refused()
  if no then return no end
  if string.find('\n' .. voices .. '\n', '\n' .. ARGV[13] .. '\n', 1, true) then return {'repeat'} end
  say('breakglass.confirmed')
  redis.call('HSET', KEYS[5], 'voices', voices == '' and ARGV[13] or voices .. '\n' .. ARGV[13])
  return {'ok'}
end

if step == 'ready' then
  if state == 'agreed' then return {'repeat'} end
  if state ~= 'requested' then return {'state', state} end
  local no = refused()
  if no then return no end
  local due = now + tonumber(ARGV[12])
  redis.call('ZADD', KEYS[6], text(due), id)
  redis.call('HSET', KEYS[5], 'state', 'agreed', 'due', text(due))
  return {'ok'}
end

if step == 'open' then
  if state == 'open' or state == 'ended' then return {'repeat'} end
  if state ~= 'agreed' then return {'state', state} end
  local no = refused()
  if no then return no end
  say('breakglass.opened')
  redis.call('HSET', KEYS[5], 'state', 'open', 'opened', text(now), 'ends', text(now + math.min(tonumber(ARGV[12]), 3600000)),
    'alarm', ARGV[13])
  redis.call('PERSIST', KEYS[5])
  redis.call('ZADD', KEYS[3], text(now + math.min(tonumber(ARGV[12]), 3600000)), 'e:' .. id)
  return {'ok'}
end

if step == 'fail' then
  if not is_asked then return {'state', state} end
  say('breakglass.refused')
  redis.call('ZREM', KEYS[6], id)
  redis.call('HSET', KEYS[5], 'state', 'refused', 'ended', text(now), 'ended_by', ARGV[12])
  return {'ok'}
end

if step == 'note' then
  if state ~= 'open' then return {'state', state} end
  local no = refused()
  if no then return no end
  if record[6] == ARGV[12] then return {'repeat'} end
  say('breakglass.used')
  redis.call('HSET', KEYS[5], 'lease', ARGV[12])
  return {'ok'}
end

if step == 'end' then
  if record[1] == 'ended' or state == 'refused' then return {'repeat'} end
  say('breakglass.ended')
  redis.call('HSET', KEYS[5], 'state', 'ended', 'ended', text(state == 'ended' and tonumber(record[5]) or now), 'ended_by', ARGV[12])
  if not record[7] then redis.call('ZREM', KEYS[6], id) end
  return {'ok'}
end

if step == 'expire' then
  if record[1] ~= 'open' then return {'repeat'} end
  if not sure or tonumber(record[5]) > now then return {'early', record[5]} end
  say('breakglass.ended')
  redis.call('HSET', KEYS[5], 'state', 'ended', 'ended', record[5], 'ended_by', ARGV[12])
  return {'ok'}
end

if step == 'review' then
  if record[8] then return {'repeat'} end
  if state ~= 'ended' or not record[7] then return {'state', state} end
  say('breakglass.reviewed')
  redis.call('ZREM', KEYS[6], id)
  redis.call('HSET', KEYS[5], 'reviewed', text(now), 'reviewed_by', ARGV[12], 'words', ARGV[13])
  redis.call('PEXPIRE', KEYS[5], ARGV[14])
  return {'ok'}
end
return {'absent'}
