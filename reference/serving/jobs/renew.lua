-- A sign of life. Returns 1 go on, 0 the job is no longer this try's, 2 the client cancelled it.
-- KEYS: job, running.  ARGV: id, fence, lease until
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
if redis.call('HGET', KEYS[1], 'cancel') == '1' then return 2 end
return 1
