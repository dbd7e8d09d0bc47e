-- Change fields of the control record if it still has the version that the change was made from; with a bundle,
-- keep that too, note it in the history, and drop what the history no longer holds.
-- KEYS: record bundle history dropped bundle…
-- ARGV: expected version, bundle text or '', its revision, its entry, how many dropped, dropped revision…, then field, value …
-- The record is made by a change that expects version 0.
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if version ~= tonumber(ARGV[1]) then return {'conflict', tostring(version)} end
-- What has been written stays, so a key that is not what it must be stops the script here.
redis.call('HLEN', KEYS[3])
local dropped = tonumber(ARGV[5])
if ARGV[2] ~= '' then
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
  for i = 1, dropped do
    redis.call('DEL', KEYS[3 + i])
    redis.call('HDEL', KEYS[3], ARGV[5 + i])
  end
end
for i = 6 + dropped, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'version', version + 1)
return {'ok', tostring(version + 1)}
