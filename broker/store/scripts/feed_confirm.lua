-- Judges whether a revocation event has reached all of an audience.
-- KEYS: meta, seqs, subs
-- ARGV: bucket, n, strict (1 or 0), staleness ms, forgotten after ms, earliest, latest
-- Answers {verdict, now, acknowledged, subscribers, bound}; verdicts:
--   before it is in the feed: unshipped; it never came there: lost; it is none that subscribers hear: unheard, unreadable;
--   confirmed: acknowledged, bound, earlier, expired; else clock (not believed), waiting, or young when all that waits
--   is the feed itself.
local meta, seqs, subs = KEYS[1], KEYS[2], KEYS[3]
local bucket, n, is_strict = ARGV[1], ARGV[2], ARGV[3] == '1'
local staleness, forgotten = tonumber(ARGV[4]), tonumber(ARGV[5])
require_type(meta, 'hash')
require_type(seqs, 'hash')
require_type(subs, 'hash')
local now, sure = read_clock(meta)

if tonumber(n) > tonumber(redis.call('HGET', meta, 'n:' .. bucket) or '0') then
  return { 'unshipped', now, 0, 0, 0 }
end
for from, to in string.gmatch(redis.call('HGET', meta, 'lost:' .. bucket) or '', '(%d+)%-(%d+)') do
  if tonumber(n) >= tonumber(from) and tonumber(n) <= tonumber(to) then return { 'lost', now, 0, 0, 0 } end
end
local known = redis.call('HGET', seqs, bucket .. ':' .. n) or ''
local seq, shipped, mark = string.match(known, '^(%d+) (%d+) (%d)')
-- An event's place is forgotten only when the event has expired.
if not seq or mark == '3' then return { 'expired', now, 0, 0, 0 } end
if mark == '0' then return { 'unheard', now, 0, 0, 0 } end
if mark == '2' then return { 'unreadable', now, 0, 0, 0 } end

seq = tonumber(seq)
local confirmed = tonumber(redis.call('HGET', subs, CONFIRMED) or '0')
if seq <= confirmed then return { 'earlier', now, 0, 0, 0 } end

-- Who is still there, and whose bound has passed, only the clock can say.
if not sure then return { 'clock', now, 0, 0, 0 } end

local bound = is_strict and tonumber(shipped) + staleness or 0
local acknowledged, total = 0, 0
for _, it in pairs((subscribers_of(subs, now - forgotten))) do
  total = total + 1
  if it.acked >= seq then acknowledged = acknowledged + 1 end
end
local verdict = 'waiting'
if total > 0 and acknowledged == total then
  -- A feed that began on an empty server does not know who still listens to a former one.
  local born = tonumber(redis.call('HGET', meta, 'born') or now)
  verdict = now > born + staleness and 'acknowledged' or 'young'
end
if is_strict and now > bound then verdict = 'bound' end
-- Kept, because a subscriber that comes later must not undo it.
if verdict == 'acknowledged' or verdict == 'bound' then
  redis.call('HSET', subs, CONFIRMED, int(seq))
end
return { verdict, now, acknowledged, total, bound }
