-- Writes a session's state if the writer still holds its lock; all or nothing.
-- KEYS[1] lock   KEYS[2] state   KEYS[3] fence counter
-- ARGV[1] token  ARGV[2] fence   ARGV[3] state   ARGV[4] session TTL in ms
-- returns 1 if written (or this very turn was already written), 0 if the lock was lost
-- The fence counter tells a writer that lost its lease from the newest one even after the newest has finished.
local newest = tonumber(redis.call('GET', KEYS[3]) or 0)
if redis.call('GET', KEYS[1]) ~= ARGV[1] or newest ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
return 1
