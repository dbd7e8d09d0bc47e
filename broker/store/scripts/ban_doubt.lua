-- Let whoever looks next write a list anew if it is not as it must be, however fresh the last look is.
-- KEYS: meta
return redis.call('HSET', KEYS[1], 'dirty', '1')
