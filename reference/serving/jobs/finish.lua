-- The end of a job, once: only from the try that holds it (or, without a fence, of a job that waits or was lost).
-- KEYS: job, waiting, running, open jobs of the tenant, webhooks, dead letters, group (or the job again if it has none),
--       and, if what it used is counted, the hash and the features of its tenant's hour
-- ARGV: id, fence or '', state, result, error, now, seconds to keep it, and the use: seconds, most features, then as
--       add_usage takes it
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return 0 end
if ARGV[2] ~= '' then
  if state ~= 'running' or redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end
elseif state ~= 'queued' then
  return 0
end
redis.call('HSET', KEYS[1], 'state', ARGV[3], 'result', ARGV[4], 'error', ARGV[5], 'finished', ARGV[6])
redis.call('HINCRBY', KEYS[1], 'effects', 1)
redis.call('HDEL', KEYS[1], 'worker')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('SREM', KEYS[4], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[7])
if redis.call('HGET', KEYS[1], 'webhook') ~= '' then redis.call('ZADD', KEYS[5], ARGV[6], ARGV[1]) end
if ARGV[3] == 'dead' then redis.call('ZADD', KEYS[6], ARGV[6], ARGV[1]) end
if KEYS[7] ~= KEYS[1] then
  redis.call('HINCRBY', KEYS[7], ARGV[3], 1)
  redis.call('HINCRBY', KEYS[7], 'open', -1)
end
if KEYS[8] then add_usage(KEYS[8], KEYS[9], ARGV[8], ARGV[9], ARGV, 10) end
return 1
