-- Replace the claim handle of a task that nobody has claimed: the former handle is dead at once.
-- KEYS: meta cuts due out path…   ARGV: id, op, new hash, tenant, detail, earliest, latest
local now, told = believed_clock(ARGV[6], ARGV[7])
if not now then return {'clock', text(told)} end
local ended = path_ended(5, #KEYS, now)
if ended then return {'closed', ended} end
local node = redis.call('HMGET', KEYS[#KEYS], 'claim', 'instance')
if node[1] == '' or node[2] ~= '' then return {'claimed'} end
tell('task.handle-replaced', now, ARGV[2], ARGV[4], '', '', 0, ARGV[5])
redis.call('HSET', KEYS[#KEYS], 'claim', ARGV[3])
return {'ok'}
