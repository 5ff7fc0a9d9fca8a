-- A new job, or the old one of the same idempotency key.
-- KEYS: job, waiting, open jobs of the tenant, idempotency key (or the job again if none was given)
-- ARGV: id, digest of the body, most waiting, most open, seconds to keep the key, now, then field/value pairs
local keyed = KEYS[4] ~= KEYS[1]
if keyed then
  local known = redis.call('GET', KEYS[4])
  if known then
    local digest, id = known:match('^(%x+):(.+)$')
    if digest ~= ARGV[2] then return {'conflict', id} end
    return {'known', id}
  end
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return {'queue_full', ''} end
if redis.call('SCARD', KEYS[3]) >= tonumber(ARGV[4]) then return {'tenant_full', ''} end
for i = 7, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', KEYS[2], ARGV[6], ARGV[1])
redis.call('SADD', KEYS[3], ARGV[1])
if keyed then redis.call('SET', KEYS[4], ARGV[2] .. ':' .. ARGV[1], 'EX', ARGV[5]) end
return {'new', ARGV[1]}
