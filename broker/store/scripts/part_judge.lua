-- The only judge of what is alive. Every script that gives, prolongs, shows or sweeps asks it.
-- KEYS[2] is the bucket's hash of cuts; a cut's value is "<issued_before_ms> <exp_ms> <revocation>".
local has_cuts = nil

local function cut_covers(name, born)
  local value = redis.call('HGET', KEYS[2], name)
  if not value then return false end
  local before = tonumber(string.match(value, '^(%d+)') or '')
  return not before or born <= before  -- one that cannot be read covers everything of its name
end

-- Is something born at `born` for this agent, tenant, issuer (and capability) covered by a cut?
local function is_cut(born, tenant, agent, issuer, capability)
  if has_cuts == nil then has_cuts = redis.call('HLEN', KEYS[2]) > 0 end
  if not has_cuts then return false end
  local names = {'all', 'tenant:' .. tenant, 'agent:' .. agent, 'issuer:' .. issuer,
    'agent:' .. agent .. '|' .. tenant, 'issuer:' .. issuer .. '|' .. tenant}
  if capability then
    names[7] = 'capability:' .. capability
    names[8] = 'capability:' .. capability .. '|' .. tenant
  end
  for _, name in ipairs(names) do
    if cut_covers(name, born) then return true end
  end
  return false
end

-- Was the key stolen that signed? Then whatever it signed is dead, whenever that was.
local function is_key_cut(key)
  if has_cuts == nil then has_cuts = redis.call('HLEN', KEYS[2]) > 0 end
  return has_cuts and redis.call('HEXISTS', KEYS[2], 'key:' .. key) == 1
end

-- Has a decision read an older bundle, or an older revision of the facts log, than this bucket allows?
local function has_read_older(facts, graph)
  return facts_revision > tonumber(facts) or graph_revision > tonumber(graph)
end

-- Is a decision, or the signing key it was made with, older than this bucket allows?
local function is_stale(facts, graph, manifest, key)
  return has_read_older(facts, graph) or keys_manifest > tonumber(manifest) or is_key_cut(key)
end

local function node_at(i, ...)
  return redis.call('HMGET', KEYS[i], 'state', 'deadline', 'opened', 'tenant', 'agent', 'issuer', 'cut', ...)
end

-- Has a session ended, in which a person opened a tree? `lent` names the cuts that end it; `shown` is when
-- anybody can have taken her evidence first. A session of its own (its issuer's name for it) never comes back;
-- of a subject or a person everything ends that was begun by evidence from before.
local function is_lent_cut(lent, shown)
  if not lent or lent == '' then return false end
  if has_cuts == nil then has_cuts = redis.call('HLEN', KEYS[2]) > 0 end
  if not has_cuts then return false end
  for name in string.gmatch(lent, '%S+') do
    if string.sub(name, 1, 8) == 'session:' then
      if redis.call('HEXISTS', KEYS[2], name) == 1 then return true end
    elseif cut_covers(name, tonumber(shown or '') or 0) then
      return true
    end
  end
  return false
end

-- Walk the path from the root (KEYS[first]) to the task (KEYS[last]): why it is not alive, or nil;
-- and the earliest deadline on it. `nodes` are the answers of node_at, where they are known already.
-- What was born until the last freeze of a node (its 'cut') stays dead when that is thawed; 'frozen' is
-- the answer only if nothing on the path has ended for good.
local function path_ended(first, last, now, nodes, born)
  local deadline, frozen = math.huge, false
  for i = first, last do
    local node = nodes and nodes[i] or node_at(i)
    if not node[1] then return 'absent', 0 end
    if node[1] == 'frozen' then
      frozen = true
    elseif node[1] ~= 'open' then
      return node[1], 0
    end
    local ends = tonumber(node[2])
    if ends <= now then return 'deadline', 0 end
    if is_cut(tonumber(node[3]), node[4], node[5], node[6], nil) then return 'cut', 0 end
    if i == first and has_cuts then
      local lent = redis.call('HMGET', KEYS[i], 'lent', 'shown')
      if is_lent_cut(lent[1], lent[2]) then return 'cut', 0 end
    end
    if node[7] and born and born <= (tonumber(node[7]) or math.huge) and node[1] == 'open' then return 'cut', 0 end
    if ends < deadline then deadline = ends end
  end
  if frozen then return 'frozen', 0 end
  return nil, deadline
end

-- Why a lease is not alive, or nil. `lease` is the answer of HMGET with LEASE_FIELDS.
local LEASE_FIELDS = {'state', 'expires', 'issued', 'tenant', 'agent', 'issuer', 'capability', 'path', 'key_id'}

local function lease_ended(lease, path, first, last, now)
  if not lease[1] or lease[8] ~= path then return 'absent', 0 end
  if lease[1] == 'ended' then return 'ended', 0 end
  if tonumber(lease[2]) <= now then return 'expired', 0 end
  if is_cut(tonumber(lease[3]), lease[4], lease[5], lease[6], lease[7]) then return 'cut', 0 end
  if is_key_cut(lease[9] or '') then return 'cut', 0 end
  return path_ended(first, last, now, nil, tonumber(lease[3]))
end
