-- Raise a number of this bucket, below which nothing stands any more: 'facts' (revisions of the bundle), 'graph' (of the
-- facts log), 'keys' (manifests), 'told' (revisions that were told of), 'uses' (instants, in ms: what was used before may
-- be forgotten). Whoever raises it tells of it, so it is told once.
-- What was granted on older facts is then looked at again, whoever dies meanwhile: the work is due before the floor is
-- raised. Whoever is at it already may have read the floor before, and goes on when it finds this one: redo_done.
-- KEYS: meta cuts due out   ARGV: op, field, number, type of event ('' tells nothing), detail, work ('' for none)
local now = advance_clock()
if tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or '0') >= tonumber(ARGV[3]) then return {'ok'} end
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[3], 'NX', text(now), ARGV[6])
  redis.call('HSETNX', KEYS[1], 'redo_since', text(now))
  redis.call('HSET', KEYS[1], 'raised', text(now))
end
if ARGV[4] ~= '' then tell(ARGV[4], now, ARGV[1], '', '', '', 0, ARGV[5]) end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return {'ok'}
