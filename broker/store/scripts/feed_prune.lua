-- Forgets up to a page of revocation events whose time is over.
-- KEYS: meta, live, expiry, seqs    ARGV: window, page, earliest, latest
-- Answers how many: none by a clock that is not believed.
local meta, live, expiry, seqs = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local window = tonumber(ARGV[1])
require_type(live, 'zset')
require_type(seqs, 'hash')

-- Within the window the place of an entry is kept: its repetition has to be recognised.
local function forget(place, seq)
  local bucket, n = string.match(place, '^(.-):(%d+)$')
  local shipped = tonumber(redis.call('HGET', meta, 'n:' .. bucket) or '0')
  local known = redis.call('HGET', seqs, place) or ''
  if string.match(known, '^%d+') ~= seq then return end
  if tonumber(n) <= shipped - window then
    redis.call('HDEL', seqs, place)
  else
    redis.call('HSET', seqs, place, (string.gsub(known, '^(%d+ %d+) %d', '%1 3')))
  end
end

local now, sure = read_clock(meta)
if not sure then return 0 end
local over = redis.call('ZRANGEBYSCORE', expiry, '-inf', int(now), 'LIMIT', 0, ARGV[2])
for _, member in ipairs(over) do
  local place, seq = string.match(member, '^(%S+) (%d+)$')
  if place then  -- else it is none of ours
    redis.call('ZREMRANGEBYSCORE', live, seq, seq)
    forget(place, seq)
  end
  redis.call('ZREM', expiry, member)
end
return #over
