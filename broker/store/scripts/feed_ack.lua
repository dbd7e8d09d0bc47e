-- Notes up to where a subscriber refuses what the feed says.
-- KEYS: meta, subs    ARGV: id, seq, epoch (empty: whichever it is connected in)
-- Answers ok, unknown, stale (of another epoch) or ahead (of the log).
local meta, subs = KEYS[1], KEYS[2]
require_type(meta, 'hash')
require_type(subs, 'hash')
local epoch = redis.call('HGET', meta, 'epoch')
local seq = tonumber(redis.call('HGET', meta, 'seq') or '0')
local it = parse_subscriber(redis.call('HGET', subs, ARGV[1]))
if not it then return 'unknown' end
if it.epoch ~= epoch or (ARGV[3] ~= '' and ARGV[3] ~= epoch) then return 'stale' end
if tonumber(ARGV[2]) > seq then return 'ahead' end
it.acked = math.max(it.acked, tonumber(ARGV[2]))
write_subscriber(subs, ARGV[1], it)
return 'ok'
