-- Append the next revision of the facts, if the log still ends where the change was made from; and tell of it.
-- Repeated by its operation it answers as the first time. KEYS: meta cuts due out head log bodies body idem…
-- ARGV: op, base, base's digest, revision, digest, said, text, size, pieces (0: the text is here), least ms between two
-- revisions, restarts (1: the log went back and goes on), retention, name of the body, longest rest, then the digest of the request
-- behind each idem, then tenant and detail of each of its events …
local first_event = 15 + #KEYS - 8
local now = advance_clock()
local head = redis.call('HMGET', KEYS[5], 'revision', 'digest', 'at', 'bytes', 'rest')
if (head[1] or '0') ~= ARGV[2] or (head[2] or '') ~= ARGV[3] then
  local after = redis.call('XRANGE', KEYS[6], ARGV[2] .. '-1', '+', 'COUNT', 1)[1]
  if after then
    local fields = {}
    for i = 1, #after[2], 2 do fields[after[2][i]] = after[2][i + 1] end
    if fields.op == ARGV[1] and fields.prev == ARGV[2] then return {'repeat', fields.at} end
  end
  return {'superseded', head[1] or '0'}
end
for i = 9, #KEYS do
  if redis.call('HEXISTS', KEYS[i], 'digest') == 1 then return {'known', tostring(i - 8)} end
end
-- However many brokers there are, facts change only so often: each change makes decisions be made again.
-- Where decisions are overtaken again and again it changes less often, but never stands still.
local last = tonumber(head[3] or '') or 0
local rest = math.min(tonumber(head[5] or '') or 0, last + tonumber(ARGV[14]))
local wait = math.max(last + tonumber(ARGV[10]), rest) - now
if wait > 0 then return {'soon', text(wait)} end
local pieces = tonumber(ARGV[9])
if pieces > 0 and redis.call('HLEN', KEYS[8]) ~= pieces then return {'incomplete'} end
-- What has been written stays, so a key that is not what it must be stops the script here.
redis.call('XLEN', KEYS[6])
redis.call('ZCARD', KEYS[7])
redis.call('XLEN', KEYS[4])
if pieces > 0 then
  redis.call('ZADD', KEYS[7], ARGV[4], ARGV[13] .. ' ' .. ARGV[8])
  redis.call('PERSIST', KEYS[8])
end
for i = first_event, #ARGV, 2 do tell('facts.changed', now, ARGV[1], ARGV[i], '', '', 0, ARGV[i + 1]) end
redis.call('XADD', KEYS[6], ARGV[4] .. '-0', 'prev', ARGV[2], 'digest', ARGV[5], 'at', text(now), 'op', ARGV[1],
  'said', ARGV[6], 'text', ARGV[7], 'size', ARGV[8], 'pieces', ARGV[9], 'body', ARGV[13], 'restarts', ARGV[11])
if ARGV[11] == '1' then redis.call('HSET', KEYS[5], 'restarted', ARGV[4]) end
redis.call('HSET', KEYS[5], 'revision', ARGV[4], 'digest', ARGV[5], 'at', text(now),
  'bytes', text((tonumber(head[4] or '') or 0) + tonumber(ARGV[8])))
for i = 9, #KEYS do
  redis.call('HSET', KEYS[i], 'digest', ARGV[i + 6], 'id', ARGV[4])
  redis.call('PEXPIRE', KEYS[i], ARGV[12])
end
return {'ok', text(now)}
