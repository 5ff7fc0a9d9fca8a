-- Takes a session's lock and reads its state in one step.
-- KEYS[1] lock   KEYS[2] state   KEYS[3] fence counter
-- ARGV[1] token  ARGV[2] lease in ms  ARGV[3] session TTL in ms
-- returns { 0 } if another turn holds the lock, else { 1, fence, state or '' }
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return { 0 }
end
local fence = redis.call('INCR', KEYS[3])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
local state = redis.call('GET', KEYS[2])
if state then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return { 1, fence, state or '' }
