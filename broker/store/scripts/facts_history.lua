-- Who changed facts, when and why, newest first: without what was changed, which may be much.
-- KEYS: log   ARGV: from this revision back ('+': the newest), how many
local found = {}
for i, entry in ipairs(redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', ARGV[2])) do
  local fields = {}
  for j = 1, #entry[2], 2 do fields[entry[2][j]] = entry[2][j + 1] end
  found[i] = {entry[1], fields.prev or '', fields.at or '', fields.digest or '', fields.said or '', fields.size or ''}
end
return found
