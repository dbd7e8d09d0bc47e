-- Let no decision stand that read older facts than this revision. KEYS: meta cuts due out
-- ARGV: op, revision, detail ('' tells nothing)
local now = advance_clock()
if facts_revision >= tonumber(ARGV[2]) then return {'ok'} end
if ARGV[3] ~= '' then tell('policy.published', now, ARGV[1], '', '', '', 0, ARGV[3]) end
redis.call('HSET', KEYS[1], 'facts', ARGV[2])
return {'ok'}
