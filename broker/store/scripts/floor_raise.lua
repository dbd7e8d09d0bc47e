-- Raise a number of this bucket, below which nothing stands any more: 'facts' (revisions), 'keys' (manifests),
-- 'told' (revisions that were told of), 'uses' (instants, in ms: what was used before may be forgotten). Whoever raises it tells of it, so it is told once.
-- KEYS: meta cuts due out   ARGV: op, field, number, type of event ('' tells nothing), detail
local now = advance_clock()
if tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or '0') >= tonumber(ARGV[3]) then return {'ok'} end
if ARGV[4] ~= '' then tell(ARGV[4], now, ARGV[1], '', '', '', 0, ARGV[5]) end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return {'ok'}
