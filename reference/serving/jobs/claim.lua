-- The job for one worker, if it waits and is due. The fence is a number that only this try has.
-- KEYS: job, waiting, running.  ARGV: id, now, lease in seconds, worker
if redis.call('HGET', KEYS[1], 'state') ~= 'queued' then return nil end
local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
if due and tonumber(due) > tonumber(ARGV[2]) then return nil end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'state', 'running', 'worker', ARGV[4])
redis.call('HSETNX', KEYS[1], 'started', ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], tonumber(ARGV[2]) + tonumber(ARGV[3]), ARGV[1])
return fence
