-- Registers a subscriber's connection, before it reads anything: from here on it is waited for.
-- KEYS: meta, log, subs
-- ARGV: candidate epoch, id, connection, seq up to which it says it knows all, the epoch of that,
--       forgotten after ms, most subscribers, earliest, latest
-- Answers {verdict, now, epoch, seq, first seq in the log}; verdicts: ok, full.
local meta, log, subs = KEYS[1], KEYS[2], KEYS[3]
require_type(meta, 'hash')
require_type(log, 'stream')
require_type(subs, 'hash')
local now, epoch, seq, sure = open_feed(meta, ARGV[1])
-- By a clock that is not believed nobody has been silent for long.
local found, total = subscribers_of(subs, sure and now - tonumber(ARGV[6]) or 0)
if not found[ARGV[2]] and total >= tonumber(ARGV[7]) then
  return { 'full', now, epoch, seq, 0 }
end
local knows = ARGV[5] == epoch and math.min(tonumber(ARGV[4]), seq) or 0
write_subscriber(subs, ARGV[2], { acked = knows, seen = now, epoch = epoch, connection = ARGV[3] })
return { 'ok', now, epoch, seq, first_of(log, seq) }
