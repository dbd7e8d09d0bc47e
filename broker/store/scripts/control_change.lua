-- Change fields of the control record if it still has the version that the change was made from.
-- KEYS: record bundle. ARGV: expected version, bundle text or '', then field, value …
-- The record is made by a change that expects version 0.
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if version ~= tonumber(ARGV[1]) then return {'conflict', tostring(version)} end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2]) end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'version', version + 1)
return {'ok', tostring(version + 1)}
