-- What a receiver is to be told next, and how it is. KEYS: notices, what waits for the receiver
-- ARGV: receiver. Answers {now, the oldest message or '', how many wait, {field, value...}}.
local names = { 'tries', 'next', 'since', 'why', 'stopped', 'told', 'done', 'given-up', 'given_at' }
local fields, found = {}, {}
for index, name in ipairs(names) do fields[index] = ARGV[1] .. ':' .. name end
for index, value in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do
  found[#found + 1] = names[index]
  found[#found + 1] = value or ''
end
local oldest = redis.call('LINDEX', KEYS[2], 0)
return { int(read_now()), oldest or '', redis.call('LLEN', KEYS[2]), found }
