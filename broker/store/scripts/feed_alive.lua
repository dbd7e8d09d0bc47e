-- Reads the clock and the position that the next alive message will name, and notes first who is
-- about to hear it.
-- KEYS: meta, log, subs
-- ARGV: candidate epoch, the last entry that the reader has read (seq bucket n; 0 when none), then
--       per subscriber: id, connection; earliest, latest
-- Answers {now, epoch, seq, 1 or 0, {ids that are connected anew elsewhere}, sure}; 0 when the log has
-- another entry in the place of that one, or none although it should.
local meta, log, subs = KEYS[1], KEYS[2], KEYS[3]
require_type(meta, 'hash')
require_type(log, 'stream')
require_type(subs, 'hash')

local function still_has(number, bucket, n, seq)
  if number == '0' then return 1 end
  local found = redis.call('XRANGE', log, number .. '-0', number .. '-0')
  if #found == 0 then return tonumber(number) < first_of(log, seq) and 1 or 0 end
  local fields = {}
  for index = 1, #found[1][2], 2 do fields[found[1][2][index]] = found[1][2][index + 1] end
  return fields.b == bucket and fields.n == n and 1 or 0
end

local now, epoch, seq, sure = open_feed(meta, ARGV[1])
-- Nobody hears what time it is by a clock that is not believed, so nobody is said to have been there.
if not sure then return { now, epoch, seq, 1, {}, 0 } end
local replaced = {}
for index = 5, #ARGV - 2, 2 do
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
return { now, epoch, seq, still_has(ARGV[2], ARGV[3], ARGV[4], seq), replaced, 1 }
