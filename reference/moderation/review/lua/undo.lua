-- ARGV: prefix, now, reviewer, post, lease_s. Returns undone or late.
local who, post = ARGV[3], ARGV[4]
local mark = post .. '|' .. who
local due = redis.call('ZSCORE', p .. 'held', mark)
if not due or tonumber(due) <= now then return 'late' end
if redis.call('HGET', p .. 'item:' .. post, 'state') ~= 'open' then return 'late' end
local place = redis.call('HGET', p .. 'heldplace', mark)
redis.call('ZREM', p .. 'held', mark)
redis.call('HDEL', p .. 'heldv', mark)
redis.call('HDEL', p .. 'heldplace', mark)
local current = redis.call('GET', p .. 'current:' .. who)
if current then  -- the post that was handed out meanwhile goes back to the others
  local other = split(current)
  free(other[1], other[2], other[3], who)
end
local part = split(place)
redis.call('ZADD', p .. 'open:' .. part[1], now + tonumber(ARGV[5]), part[2])
redis.call('SET', p .. 'current:' .. who, place .. '|' .. post)
audit('undo', post, who)
return 'undone'
