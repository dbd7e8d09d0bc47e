-- Moves outbox entries of one bucket into the log, each exactly once.
-- KEYS: meta, log, live, expiry, seqs
-- ARGV: candidate epoch, bucket, window, longest log, count, and per entry ten words:
--       n type at op tenant feed aud exp detail mark; at last earliest, latest
--       (mark: 0 nobody hears it, 1 subscribers hear it, 2 they should but it cannot be read)
-- Answers {now, verdict, number, seq...}. Verdicts: ok; gap and fork (number: the first n that is
-- not what the log has to expect); full (number: the log's length).
local meta, log, live, expiry, seqs = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local bucket, window, longest = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local count = tonumber(ARGV[5])
local WORDS = 10
local N, TYPE, AT, OP, TENANT, FEED, AUD, EXP, DETAIL, MARK = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

-- Before which argument an entry's words begin: they are taken from where they lie.
local function place_of(index)
  return 5 + (index - 1) * WORDS
end

-- The seq of an entry that the log has, if it is the same entry: a bucket that lost its newest
-- entries in a failover gives their numbers to others.
local function seq_of(at)
  local known = redis.call('HGET', seqs, bucket .. ':' .. ARGV[at + N])
  local seq, op = string.match(known or '', '^(%d+) %d+ %d (.*)$')
  return op == ARGV[at + OP] and tonumber(seq) or nil
end

-- Once for all new entries, for each command costs more than what it does.
local function remember(places, aged)
  redis.call('HSET', seqs, unpack(places))
  if #aged == 0 then return end
  local gone = {}
  for index, known in ipairs(redis.call('HMGET', seqs, unpack(aged))) do
    local mark = string.match(known or '', '^%d+ %d+ (%d)')
    if mark == '0' or mark == '3' then gone[#gone + 1] = aged[index] end
  end
  if #gone > 0 then redis.call('HDEL', seqs, unpack(gone)) end
end

local function announce(at, seq)
  redis.call('ZADD', expiry, ARGV[at + EXP], bucket .. ':' .. ARGV[at + N] .. ' ' .. seq)
  if ARGV[at + MARK] == '1' then
    local event = { seq, ARGV[at + EXP], ARGV[at + TENANT], ARGV[at + AUD], ARGV[at + FEED] }
    redis.call('ZADD', live, seq, table.concat(event, '\n'))
  end
end

local function write(at, seq)
  if ARGV[at + MARK] ~= '0' then announce(at, seq) end
  redis.call('XADD', log, seq .. '-0', 'type', ARGV[at + TYPE], 'at', ARGV[at + AT], 'op', ARGV[at + OP],
    'tenant', ARGV[at + TENANT], 'feed', ARGV[at + FEED], 'aud', ARGV[at + AUD], 'exp', ARGV[at + EXP],
    'detail', ARGV[at + DETAIL], 'b', bucket, 'n', ARGV[at + N])
end

require_type(meta, 'hash')
require_type(log, 'stream')
require_type(live, 'zset')
require_type(expiry, 'zset')
require_type(seqs, 'hash')

local shipped = tonumber(redis.call('HGET', meta, 'n:' .. bucket) or '0')
local answer, fresh, previous = {}, 0, nil
for index = 1, count do
  local at = place_of(index)
  local number = tonumber(ARGV[at + N])
  local expected = previous and previous + 1 or math.min(number, shipped + 1)
  if number ~= expected or number < 1 then
    return { (read_clock(meta)), 'gap', expected }
  end
  if number <= shipped then
    answer[index] = seq_of(at)
    if not answer[index] then return { (read_clock(meta)), 'fork', number } end
  else
    fresh = fresh + 1
  end
  previous = number
end
local length = redis.call('XLEN', log)
if fresh > 0 and length + fresh > longest then return { (read_clock(meta)), 'full', length } end

local now, _, seq = open_feed(meta, ARGV[1])
local places, aged = {}, {}
for index = count - fresh + 1, count do
  local at = place_of(index)
  seq = seq + 1
  write(at, int(seq))
  places[#places + 1] = bucket .. ':' .. ARGV[at + N]
  places[#places + 1] = table.concat({ int(seq), int(now), ARGV[at + MARK], ARGV[at + OP] }, ' ')
  local old = tonumber(ARGV[at + N]) - window
  if old > 0 then aged[#aged + 1] = bucket .. ':' .. int(old) end
  answer[index] = seq
end
if fresh > 0 then
  remember(places, aged)
  redis.call('HSET', meta, 'seq', int(seq), 'n:' .. bucket, int(previous))
end
return { now, 'ok', fresh, unpack(answer) }
