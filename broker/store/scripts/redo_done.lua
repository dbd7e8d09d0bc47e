-- Note that everything in this bucket was looked at again by facts that are no older than these. Unless a
-- floor was raised meanwhile nothing is left to do; then whoever did this goes on.
-- KEYS: meta cuts due out   ARGV: facts, graph, how long it stays hidden if there is more, member
-- Answers 'done' or 'more', and how long ago (ms) the first floor was raised that this is the answer to.
local now = advance_clock()
local known = redis.call('HMGET', KEYS[1], 'redone_facts', 'redone_graph', 'redo_since', 'raised')
local facts = math.max(tonumber(known[1] or '0'), tonumber(ARGV[1]))
local graph = math.max(tonumber(known[2] or '0'), tonumber(ARGV[2]))
local lag = text(math.max(0, now - tonumber(known[3] or text(now))))
redis.call('HSET', KEYS[1], 'redone_facts', text(facts), 'redone_graph', text(graph))
if facts_revision > facts or graph_revision > graph then
  redis.call('ZADD', KEYS[3], text(now + tonumber(ARGV[3])), ARGV[4])
  redis.call('HSET', KEYS[1], 'redo_since', known[4] or text(now))
  return {'more', lag}
end
redis.call('ZREM', KEYS[3], ARGV[4])
redis.call('HDEL', KEYS[1], 'redo_since')
return {'done', lag}
