-- One write of a rollout: only by the holder of the lease, only as the next generation, state and audit entry together.
-- KEYS: state hash, lease, audit list, active pointer of the model
-- ARGV: owner, generation, state, policy, audit entry, rollout id, key prefix of states,
-- whether the rollout is over (0 or 1), hash of the audit entry
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lease' end
local stored = tonumber(redis.call('HGET', KEYS[1], 'generation') or '0')
if tonumber(ARGV[2]) ~= stored + 1 then return 'generation ' .. stored end
local running = redis.call('GET', KEYS[4])
if running and running ~= ARGV[6] then
  if redis.call('HGET', ARGV[7] .. running, 'over') == '0' then return 'running ' .. running end
end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'state', ARGV[3], 'policy', ARGV[4], 'over', ARGV[8], 'head', ARGV[9])
redis.call('RPUSH', KEYS[3], ARGV[5])
redis.call('SET', KEYS[4], ARGV[6])
return 'ok'
