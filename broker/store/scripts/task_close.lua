-- End a task. KEYS: meta cuts due out node audiences [open-siblings open-below…]. ARGV: id, op, state, ended_by, closed_by,
-- earliest, latest
-- A task that has already ended keeps its first ending: the repeat changes nothing, but tells what
-- the first could not.
local now, sure = cautious_clock(ARGV[6], ARGV[7])
local node = redis.call('HMGET', KEYS[5], 'state', 'close_n')
if not node[1] then return {'absent'} end
if node[1] ~= 'open' and node[1] ~= 'frozen' then
  if not node[2] then tell_closed(KEYS[5], KEYS[6], ARGV[1], now, sure, ARGV[2]) end
  return {'already', node[1]}
end
close_task(KEYS[5], KEYS[6], ARGV[1], ARGV[3], ARGV[4], ARGV[5], now, sure, ARGV[2])
return {'ok', ARGV[3]}
