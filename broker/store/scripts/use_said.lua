-- Note what a task's agent says of the uses of its credentials, once for each batch. It counts as a beat, and as nothing more.
-- KEYS: meta cuts due out said counter path…, then the leases that are said to be used
-- ARGV: op, earliest, latest, how much the outbox holds, batches in a minute, key of the batch, its digest, detail, tenant, untold,
-- how many kinds a task keeps, how many batches it knows, retention, how many leases; then for each lease: how often it was used;
-- then for each kind: its name, how often there was one
local now, told = believed_clock(ARGV[2], ARGV[3])
if not now then return {'clock', text(told)} end
local leases = tonumber(ARGV[14])
local last = #KEYS - leases
local ended = path_ended(7, last, now)
-- Like a beat it gives nothing, so it is heard while the task is frozen.
if ended and ended ~= 'frozen' then return {'closed', ended} end
local known = {}
for key, digest in string.gmatch(redis.call('HGET', KEYS[5], 'batches') or '', '(%x+)=(%x+)') do
  if key == ARGV[6] then return {digest == ARGV[7] and 'repeat' or 'conflict'} end
  known[#known + 1] = key .. '=' .. digest
end
if outbox_is_full(tonumber(ARGV[4])) then return {'full'} end
if redis.call('INCR', KEYS[6]) == 1 then redis.call('PEXPIRE', KEYS[6], 60000) end
if tonumber(redis.call('GET', KEYS[6])) > tonumber(ARGV[5]) then return {'often', text(redis.call('PTTL', KEYS[6]))} end

-- A lease's record may be gone: what has outlived its retention is not begun anew.
for i = 1, leases do
  local times = tonumber(ARGV[14 + i])
  if times > 0 and redis.call('HEXISTS', KEYS[last + i], 'state') == 1 then
    redis.call('HINCRBY', KEYS[last + i], 'said', times)
    redis.call('HSET', KEYS[last + i], 'said_at', text(now))
  end
end
for i = 15 + leases, #ARGV, 2 do
  local name, times = ARGV[i], tonumber(ARGV[i + 1])
  local stood = redis.call('HGET', KEYS[5], 'n:' .. name)
  if not stood and tonumber(redis.call('HGET', KEYS[5], 'kinds') or '0') >= tonumber(ARGV[11]) then
    redis.call('HINCRBY', KEYS[5], 'others', times)
  else
    if not stood then redis.call('HINCRBY', KEYS[5], 'kinds', 1) end
    local before = tonumber(string.match(stood or '', '^(%d+) ') or '0')
    redis.call('HSET', KEYS[5], 'n:' .. name, text(before + times) .. ' ' .. text(now))
  end
end
if ARGV[10] ~= '0' then redis.call('HINCRBY', KEYS[5], 'untold', ARGV[10]) end
if ARGV[6] ~= '' then
  known[#known + 1] = ARGV[6] .. '=' .. ARGV[7]
  if #known > tonumber(ARGV[12]) then table.remove(known, 1) end
end
redis.call('HSET', KEYS[5], 'batches', table.concat(known, ' '), 'at', text(now))
local ends = tonumber(redis.call('HGET', KEYS[last], 'last_deadline') or '') or now
redis.call('PEXPIREAT', KEYS[5], text(ends + tonumber(ARGV[13])))
tell('use.said', now, ARGV[1], ARGV[9], '', '', 0, ARGV[8])
for i = 7, last do redis.call('HSET', KEYS[i], 'seen', text(now)) end
return {'ok'}
