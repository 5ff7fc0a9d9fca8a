-- A try that failed, or whose worker was lost: the job waits again until `due`.
-- KEYS: job, waiting, running.  ARGV: id, fence, due, error
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'state', 'queued', 'error', ARGV[4], 'resend', '1')
redis.call('HDEL', KEYS[1], 'worker')
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
