-- Which of some leases of one task are alive, by the judge's word. KEYS: meta cuts, path…, lease…
-- ARGV: number of nodes on the path, path, earliest, latest. By a clock that is not believed nothing has
-- aged: what an order may mean has to be found. Answers for each live one: its position, tenant, agent,
-- issuer, capability, when it was issued.
local now = read_clock()
if now < tonumber(ARGV[3]) or now > tonumber(ARGV[4]) then now = 0 end
local last = 2 + tonumber(ARGV[1])
local alive = {text(now)}
if path_ended(3, last, now) then return alive end
for i = last + 1, #KEYS do
  local lease = redis.call('HMGET', KEYS[i], unpack(LEASE_FIELDS))
  if not lease_ended(lease, ARGV[2], 3, last, now) then
    for _, value in ipairs({i - last, lease[4], lease[5], lease[6], lease[7], lease[3]}) do
      alive[#alive + 1] = value
    end
  end
end
return alive
