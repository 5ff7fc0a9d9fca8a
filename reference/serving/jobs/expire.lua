-- Takes a job whose lease has run out from its worker: a new fence, and a short lease for who moves it on.
-- KEYS: job, running.  ARGV: id, fence that was seen, now, lease until
local till = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not till or tonumber(till) > tonumber(ARGV[3]) then return nil end
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return nil
end
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return nil end
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'fence', 1)
