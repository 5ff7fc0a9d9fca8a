-- Shared by every script of the review queue; put in front of each.
-- Keys: <p>lanes set; <p>s:<lane> stream (group "g"); <p>open:<lane> zset entry -> lease end; <p>owner hash
-- "<lane>|<entry>" -> reviewer; <p>item:<post> hash; <p>verdicts:<post> hash reviewer -> json; <p>holders:<post> set of
-- those who hold or judged it; <p>entries:<post> set of "<lane>|<entry>"; <p>current:<reviewer> "<lane>|<entry>|<post>".
local p = ARGV[1]
local now = tonumber(ARGV[2])

local function split(text)
  local out = {}
  for part in string.gmatch(text, "[^|]+") do out[#out + 1] = part end
  return out
end

local function audit(event, post, who)
  redis.call('XADD', p .. 'audit', 'MAXLEN', '~', 100000, '*', 'event', event, 'post', post, 'who', who, 'at', ARGV[2])
end

local function add(lane, post, at)
  local key = p .. 's:' .. lane
  redis.pcall('XGROUP', 'CREATE', key, 'g', '0', 'MKSTREAM')
  local id = redis.call('XADD', key, '*', 'post', post, 'at', at)
  redis.call('SADD', p .. 'lanes', lane)
  redis.call('SADD', p .. 'entries:' .. post, lane .. '|' .. id)
end

local function drop(lane, id)
  local key = p .. 's:' .. lane
  redis.call('XACK', key, 'g', id)
  redis.call('XDEL', key, id)
  redis.call('ZREM', p .. 'open:' .. lane, id)
  redis.call('HDEL', p .. 'owner', lane .. '|' .. id)
  if redis.call('XLEN', key) == 0 then
    redis.call('DEL', key, p .. 'open:' .. lane)
    redis.call('SREM', p .. 'lanes', lane)
  end
end

-- Takes an entry from whoever holds it, so that others may claim it at once.
local function free(lane, id, post, who)
  local place = lane .. '|' .. id
  redis.call('ZADD', p .. 'open:' .. lane, 0, id)
  redis.call('HDEL', p .. 'owner', place)
  if redis.call('HEXISTS', p .. 'verdicts:' .. post, who) == 0 then redis.call('SREM', p .. 'holders:' .. post, who) end
  if redis.call('GET', p .. 'current:' .. who) == place .. '|' .. post then redis.call('DEL', p .. 'current:' .. who) end
end
