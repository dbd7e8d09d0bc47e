-- Notes how far an audit sink has stored the log, or forgets the sink.
-- KEYS: cursors    ARGV: sink, '<seq> <epoch> <head>' or the empty word
if ARGV[2] == '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
