-- Show emergencies as the ledger's clock has them. KEYS: meta record…
local shown = { text(read_clock()) }
for index = 2, #KEYS do shown[index] = redis.call('HGETALL', KEYS[index]) end
return shown
