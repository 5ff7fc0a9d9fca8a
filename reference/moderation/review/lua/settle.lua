-- ARGV: prefix, now, keep_s. Counts the held verdicts that are due. Returns how many.
local keep = math.ceil(tonumber(ARGV[3]))

local function close(post, action, category)
  redis.call('HSET', p .. 'item:' .. post, 'state', 'closed', 'action', action, 'category', category, 'closed', ARGV[2])
  for _, place in ipairs(redis.call('SMEMBERS', p .. 'entries:' .. post)) do
    local part = split(place)
    local owner = redis.call('HGET', p .. 'owner', place)
    if owner then free(part[1], part[2], post, owner) end
    drop(part[1], part[2])
  end
  redis.call('DEL', p .. 'entries:' .. post, p .. 'media:' .. post)
  redis.call('ZREM', p .. 'posts', post)
  redis.call('SADD', p .. 'outbox', post)
  for _, name in ipairs({'verdicts:', 'holders:'}) do redis.call('EXPIRE', p .. name .. post, keep) end
  audit('closed ' .. action, post, '')
end

local function again(post, stage)
  local item = redis.call('HMGET', p .. 'item:' .. post, 'lane', 'at')
  add(string.gsub(item[1], ':%a+$', ':' .. stage), post, item[2])
end

local due = redis.call('ZRANGEBYSCORE', p .. 'held', '-inf', now, 'LIMIT', 0, 500)
for _, mark in ipairs(due) do
  local who = string.match(mark, '|([^|]+)$')
  local post = string.sub(mark, 1, #mark - #who - 1)
  local text, place = redis.call('HGET', p .. 'heldv', mark), redis.call('HGET', p .. 'heldplace', mark)
  redis.call('ZREM', p .. 'held', mark)
  redis.call('HDEL', p .. 'heldv', mark)
  redis.call('HDEL', p .. 'heldplace', mark)
  local item = redis.call('HMGET', p .. 'item:' .. post, 'state', 'needed', 'lead')
  if item[1] == 'open' then
    local verdicts, part = p .. 'verdicts:' .. post, split(place)
    redis.call('HSET', verdicts, who, text)
    redis.call('RPUSH', p .. 'order:' .. post, who)
    redis.call('EXPIRE', p .. 'order:' .. post, keep)
    redis.call('SREM', p .. 'entries:' .. post, place)
    drop(part[1], part[2])
    local said = cjson.decode(text)
    local order = redis.call('LRANGE', p .. 'order:' .. post, 0, -1)
    local all, votes, actions = {}, {}, {}
    for i, one in ipairs(order) do
      all[i] = cjson.decode(redis.call('HGET', verdicts, one))
      local label = all[i].action .. '|' .. all[i].category
      votes[label] = (votes[label] or 0) + 1
      actions[all[i].action] = (actions[all[i].action] or 0) + 1
    end
    if #all == 2 and not string.find(place, ':lead|', 1, true) then
      local pair = {}
      for i = 1, 2 do pair[i] = all[i].action == 'reject' and all[i].category or all[i].action end
      redis.call('RPUSH', p .. 'pairs', cjson.encode(pair))
      redis.call('LTRIM', p .. 'pairs', -10000, -1)
    end
    local needed = tonumber(item[2])
    if string.find(place, ':lead|', 1, true) then
      close(post, said.action, said.category)
    elseif item[3] == '1' then
      -- the lead decides; this verdict is kept beside it
    elseif #all < needed and said.action ~= 'escalate' then
      -- the other independent opinion is still to come
    elseif said.action == 'escalate' then
      redis.call('HSET', p .. 'item:' .. post, 'lead', 1)
      again(post, 'lead')
    elseif needed == 1 then
      close(post, said.action, said.category)
    elseif needed == 2 then
      if votes[said.action .. '|' .. said.category] == 2 then
        close(post, said.action, said.category)
      else
        redis.call('HSET', p .. 'item:' .. post, 'needed', 3)
        again(post, 'third')
      end
    elseif actions[said.action] >= 2 then  -- the third opinion decides with those that share its action
      close(post, said.action, said.category)
    else
      local most = nil
      for i = 1, 2 do if (actions[all[i].action] or 0) >= 2 then most = all[i] end end
      if most then
        close(post, most.action, most.category)
      else
        redis.call('HSET', p .. 'item:' .. post, 'lead', 1)
        again(post, 'lead')
      end
    end
  end
end
return #due
