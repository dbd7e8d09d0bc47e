-- Note that the agent (or the opener) is active. KEYS: meta cuts path…
-- ARGV: 'seen' (agent: counts for the ancestors too) or 'oseen' (opener: this task only), earliest, latest
local now, told = believed_clock(ARGV[2], ARGV[3])
if not now then return {'clock', text(told)} end
local ended = path_ended(3, #KEYS, now)
-- A beat gives nothing, so it is heard while the task is frozen: whoever falls silent ends it all the same.
if ended and ended ~= 'frozen' then return {'closed', ended} end
local first = ARGV[1] == 'seen' and 3 or #KEYS
for i = first, #KEYS do redis.call('HSET', KEYS[i], ARGV[1], text(now)) end
return {'ok'}
