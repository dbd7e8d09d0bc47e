-- Thaw a task: it may be given to again; what the freeze killed stays dead. KEYS: meta cuts due out node audiences
-- ARGV: id, op, outbox_max, earliest, latest, tenant, detail
-- Whatever else its agent asked for was refused while it was frozen: silence counts from now on.
local now, told = believed_clock(ARGV[4], ARGV[5])
if not now then return {'clock', text(told)} end
local node = redis.call('HMGET', KEYS[5], 'state', 'freeze_n', 'deadline')
if not node[1] then return {'absent'} end
if node[1] == 'open' then return {'already', 'open'} end
if node[1] ~= 'frozen' then return {'closed', node[1]} end
if tonumber(node[3]) <= now then return {'closed', 'deadline'} end
if outbox_is_full(tonumber(ARGV[3])) then return {'full'} end
-- If nobody could be told of the freeze when it came, then now: once thawed it never would be.
if node[2] == '' then tell_frozen(KEYS[5], KEYS[6], ARGV[1], now, true, ARGV[2]) end
tell('task.thawed', now, ARGV[2], ARGV[6], '', '', 0, ARGV[7])
redis.call('HSET', KEYS[5], 'state', 'open', 'seen', text(now))
return {'ok', 'open'}
