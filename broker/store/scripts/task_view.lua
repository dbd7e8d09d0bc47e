-- Show a task as the judge sees it. KEYS: meta cuts path… (the task last). ARGV: none.
local now = read_clock()
local ended = path_ended(3, #KEYS, now)
local node = redis.call('HMGET', KEYS[#KEYS], 'spec', 'state', 'instance', 'opened', 'deadline', 'seen', 'oseen',
  'closed', 'ended_by', 'closed_by', 'close_n', 'cut', 'frozen_by', 'frozen_why', 'freezes')
return {text(now), ended or '', unpack(node)}
