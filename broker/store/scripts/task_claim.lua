-- Bind an instance to a task by its one-time handle. KEYS: meta cuts due out path…
-- ARGV: id, op, hash of the handle, instance, tenant, detail, earliest, latest
local now, told = believed_clock(ARGV[7], ARGV[8])
if not now then return {'clock', text(told)} end
local node = redis.call('HMGET', KEYS[#KEYS], 'claim', 'instance')
-- First, so that without the handle an ended task looks like one that never was.
if not node[1] or node[1] == '' or node[1] ~= ARGV[3] then return {'absent'} end
if node[2] ~= '' and node[2] ~= ARGV[4] then return {'absent'} end
local ended = path_ended(5, #KEYS, now)
if ended then return {'closed', ended} end
-- A repeat by the winner (its answer was lost) succeeds; anybody else finds the handle spent.
if node[2] == ARGV[4] then return {'ok'} end
tell('task.claimed', now, ARGV[2], ARGV[5], '', '', 0, ARGV[6])
redis.call('HSET', KEYS[#KEYS], 'instance', ARGV[4], 'seen', text(now))
return {'ok'}
