-- Drops up to a page of the oldest entries that every audit sink has stored, keeping the newest.
-- KEYS: meta, log, cursors    ARGV: how many entries to keep, page
-- Answers {dropped, length, seq, slowest sink, its seq}.
local meta, log, cursors = KEYS[1], KEYS[2], KEYS[3]
require_type(log, 'stream')
require_type(cursors, 'hash')
local seq = tonumber(redis.call('HGET', meta, 'seq') or '0')
local slowest, stored = '', seq
local sinks = redis.call('HGETALL', cursors)
for index = 1, #sinks, 2 do
  local cursor = tonumber(string.match(sinks[index + 1], '^%d+') or '0')
  if cursor < stored or slowest == '' then slowest, stored = sinks[index], math.min(cursor, seq) end
end
local first = first_of(log, seq)
local last = math.min(seq - tonumber(ARGV[1]), stored, first + tonumber(ARGV[2]) - 1)
local dropped = 0
if last >= first then dropped = redis.call('XTRIM', log, 'MINID', int(last + 1)) end
return { dropped, redis.call('XLEN', log), seq, slowest, stored }
