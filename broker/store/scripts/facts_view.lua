-- The facts log's head, and the revisions after one. KEYS: head log   ARGV: after, how many
return {redis.call('HGETALL', KEYS[1]), redis.call('XRANGE', KEYS[2], ARGV[1] .. '-1', '+', 'COUNT', ARGV[2])}
