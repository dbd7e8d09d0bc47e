-- Tell of what was done at a target about a credential that no lease has. KEYS: meta cuts due out
-- ARGV: op, earliest, latest, kind of event, detail
local now = cautious_clock(ARGV[2], ARGV[3])
tell(ARGV[4], now, ARGV[1], '', '', '', 0, ARGV[5])
return {'ok'}
