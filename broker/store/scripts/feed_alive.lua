-- Reads the clock and the position that the next alive message will name, and notes first who is
-- about to hear it.
-- KEYS: meta, subs    ARGV: candidate epoch, then per subscriber: id, connection
-- Answers {now, epoch, seq, {ids that are connected anew elsewhere}}.
local meta, subs = KEYS[1], KEYS[2]
require_type(meta, 'hash')
require_type(subs, 'hash')
local now, epoch, seq = open_feed(meta, ARGV[1])
local replaced = {}
for index = 2, #ARGV, 2 do
  local id, connection = ARGV[index], ARGV[index + 1]
  local it = parse_subscriber(redis.call('HGET', subs, id))
  if it and it.connection ~= connection then
    table.insert(replaced, id)
  else
    it = it or { acked = 0, epoch = epoch, connection = connection }
    it.seen = now
    write_subscriber(subs, id, it)
  end
end
return { now, epoch, seq, replaced }
