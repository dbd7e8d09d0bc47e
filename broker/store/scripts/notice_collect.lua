-- Move on along the log, and put what is to be told before those who want it.
-- KEYS: notices, then what each receiver has yet to be told
-- ARGV: fence, the cursor that stood, the next one, how long what waits is kept at most (ms), then for each
-- message: which of the keys after the first, and the message
-- Answers {'ok'}, or {'lost'}: somebody else tells by now, or has moved on.
if not has_turn(ARGV[1]) or (redis.call('HGET', KEYS[1], 'cursor') or '') ~= ARGV[2] then return { 'lost' } end
redis.call('HSET', KEYS[1], 'cursor', ARGV[3])
for index = 5, #ARGV, 2 do
  redis.call('RPUSH', KEYS[1 + tonumber(ARGV[index])], ARGV[index + 1])
end
for index = 2, #KEYS do redis.call('PEXPIRE', KEYS[index], ARGV[4]) end
return { 'ok' }
