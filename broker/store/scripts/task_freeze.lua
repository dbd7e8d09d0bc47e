-- Freeze a task: one write, whatever hangs below it. What was issued in its tree until now is dead for good,
-- and nothing more is given there until it is thawed. KEYS: meta cuts due out node audiences fences
-- ARGV: id, op, by, reason, earliest, latest, once (1 or 0; 'tell': freeze nothing, only tell what is untold)
-- A task that is frozen keeps its first freeze: the repeat changes nothing, but tells what the first could not.
-- Each line is there for the case that the next one fails: on the due queue, dead, told.
local now, sure = cautious_clock(ARGV[5], ARGV[6])
local node = redis.call('HMGET', KEYS[5], 'state', 'freeze_n')
if not node[1] then return {'absent'} end
if node[1] == 'frozen' then
  if node[2] == '' then tell_frozen(KEYS[5], KEYS[6], ARGV[1], now, sure, ARGV[2]) end
  return {'already', 'frozen'}
end
if ARGV[7] == 'tell' then return {'already', node[1]} end
if node[1] ~= 'open' then return {'closed', node[1]} end
-- What was thawed is not frozen again for the same reason by who says that it freezes once.
if ARGV[7] == '1' then
  local last = redis.call('HMGET', KEYS[5], 'frozen_by', 'frozen_why')
  if last[1] == ARGV[3] and last[2] == ARGV[4] then return {'already', 'open'} end
end
-- Whoever still follows up an earlier freeze does not settle this one.
redis.call('HDEL', KEYS[7], 'z:' .. ARGV[1])
redis.call('ZADD', KEYS[3], text(now), 'z:' .. ARGV[1])
redis.call('HSET', KEYS[5], 'state', 'frozen', 'cut', text(now), 'frozen_by', ARGV[3], 'frozen_why', ARGV[4],
  'freeze_n', '')
tell_frozen(KEYS[5], KEYS[6], ARGV[1], now, sure, ARGV[2])
return {'ok', 'frozen'}
