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
local WORDS = { 'n', 'type', 'at', 'op', 'tenant', 'feed', 'aud', 'exp', 'detail', 'mark' }

local function entry_at(index)
  local entry = {}
  for place, word in ipairs(WORDS) do
    entry[word] = ARGV[5 + (index - 1) * #WORDS + place]
  end
  entry.number = tonumber(entry.n)
  return entry
end

-- The seq of an entry that the log has, if it is the same entry: a bucket that lost its newest
-- entries in a failover gives their numbers to others.
local function seq_of(entry)
  local known = redis.call('HGET', seqs, bucket .. ':' .. entry.n)
  local seq, op = string.match(known or '', '^(%d+) %d+ %d (.*)$')
  return op == entry.op and tonumber(seq) or nil
end

local function forget_beyond_window(number)
  local field = bucket .. ':' .. int(number - window)
  local mark = string.match(redis.call('HGET', seqs, field) or '', '^%d+ %d+ (%d)')
  if mark == '0' or mark == '3' then redis.call('HDEL', seqs, field) end
end

local function announce(entry, seq)
  redis.call('ZADD', expiry, entry.exp, bucket .. ':' .. entry.n .. ' ' .. int(seq))
  if entry.mark == '1' then
    local event = { int(seq), entry.exp, entry.tenant, entry.aud, entry.feed }
    redis.call('ZADD', live, int(seq), table.concat(event, '\n'))
  end
end

local function write(entry, seq, now)
  local place = { int(seq), int(now), entry.mark, entry.op }
  redis.call('HSET', seqs, bucket .. ':' .. entry.n, table.concat(place, ' '))
  forget_beyond_window(entry.number)
  if entry.mark ~= '0' then announce(entry, seq) end
  redis.call('XADD', log, int(seq) .. '-0', 'type', entry.type, 'at', entry.at, 'op', entry.op,
    'tenant', entry.tenant, 'feed', entry.feed, 'aud', entry.aud, 'exp', entry.exp,
    'detail', entry.detail, 'b', bucket, 'n', entry.n)
end

require_type(meta, 'hash')
require_type(log, 'stream')
require_type(live, 'zset')
require_type(expiry, 'zset')
require_type(seqs, 'hash')

local shipped = tonumber(redis.call('HGET', meta, 'n:' .. bucket) or '0')
local entries, answer, fresh, previous = {}, {}, 0, nil
for index = 1, count do
  local entry = entry_at(index)
  local expected = previous and previous + 1 or math.min(entry.number, shipped + 1)
  if entry.number ~= expected or entry.number < 1 then
    return { (read_clock(meta)), 'gap', expected }
  end
  if entry.number <= shipped then
    answer[index] = seq_of(entry)
    if not answer[index] then return { (read_clock(meta)), 'fork', entry.number } end
  else
    fresh = fresh + 1
  end
  entries[index], previous = entry, entry.number
end
local length = redis.call('XLEN', log)
if fresh > 0 and length + fresh > longest then return { (read_clock(meta)), 'full', length } end

local now, _, seq = open_feed(meta, ARGV[1])
for index = count - fresh + 1, count do
  seq = seq + 1
  write(entries[index], seq, now)
  answer[index] = seq
end
if fresh > 0 then redis.call('HSET', meta, 'seq', int(seq), 'n:' .. bucket, int(previous)) end
return { now, 'ok', fresh, unpack(answer) }
