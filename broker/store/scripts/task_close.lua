-- End a task. KEYS: meta cuts due out node audiences [open-siblings]. ARGV: id, op, state, ended_by, closed_by
-- A task that has already ended keeps its first ending: the repeat changes nothing.
local now = advance_clock()
local state = redis.call('HGET', KEYS[5], 'state')
if not state then return {'absent'} end
if state ~= 'open' then return {'already', state} end
close_task(KEYS[5], KEYS[6], ARGV[1], ARGV[3], ARGV[4], ARGV[5], now, ARGV[2])
return {'ok', ARGV[3]}
