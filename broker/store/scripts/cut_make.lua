-- Lay a cut in this bucket, or raise it. KEYS: meta cuts due out marker
-- ARGV: op, revocation, name, mode, at least, lifetime of what it covers, tenant, of, value, confined to, retention,
-- earliest, latest
-- mode 'lay': it covers all that this bucket has issued until now. mode 'raise': it covers at least
-- what ARGV[5] says (the latest of all buckets), and only then is it told, once per revocation.
local now, sure = cautious_clock(ARGV[12], ARGV[13])
local told = redis.call('GET', KEYS[5])
if told then
  -- For as long as somebody still asks: forgotten, the order would cut off what was issued since.
  redis.call('PEXPIRE', KEYS[5], ARGV[11])
  local before, n = string.match(told, '^(%d+) (%d+)$')
  return {'ok', before, n}
end
local standing = redis.call('HGET', KEYS[2], ARGV[3])
local before = tonumber(string.match(standing or '', '^(%d+)') or '') or 0
before = math.max(before, tonumber(ARGV[5]))
if ARGV[4] == 'lay' then before = math.max(before, now) end
local exp = before + tonumber(ARGV[6])
redis.call('HSET', KEYS[2], ARGV[3], text(before) .. ' ' .. text(exp) .. ' ' .. ARGV[2])
if ARGV[4] == 'lay' then return {'ok', text(before), '0'} end

for i, value in ipairs(redis.call('HGETALL', KEYS[2])) do
  if i % 2 == 1 then
    standing = value
  elseif sure and (tonumber(string.match(value, '^%d+ (%d+)') or '') or math.huge) <= now then
    redis.call('HDEL', KEYS[2], standing)
  end
end
redis.call('ZADD', KEYS[3], text(now), 'x:' .. ARGV[2])
local cut = '{"of":' .. cjson.encode(ARGV[8]) .. ',"name":' .. cjson.encode(ARGV[9]) .. ',"tenant":'
  .. cjson.encode(ARGV[10]) .. ',"issued_before":' .. text(before) .. '}'
-- Verifiers know nothing of sessions: they are told of each task that ends with one.
local is_told = ARGV[8] ~= 'session' and ARGV[8] ~= 'subject' and ARGV[8] ~= 'person'
local n = tell('cut.made', now, ARGV[1], ARGV[7], is_told and '{"cut":' .. cut .. '}' or '', is_told and '*' or '',
  is_told and exp or 0,
  '{"revocation":' .. cjson.encode(ARGV[2]) .. ',"cut":' .. cut .. '}')
redis.call('SET', KEYS[5], text(before) .. ' ' .. n, 'PX', ARGV[11])
return {'ok', text(before), tostring(n)}
