-- ARGV: prefix, now, reviewer, lease_s. Hands out the open appeal nearest to its deadline that this reviewer may judge.
-- Keys: <p>due zset post -> deadline; <p>until and <p>holder hashes post -> lease end, reviewer; <p>involved:<post> set.
local p, now, who, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local own = redis.call('GET', p .. 'current:' .. who)
if own and redis.call('HGET', p .. 'holder', own) == who then
  redis.call('HSET', p .. 'until', own, tostring(now + lease))
  return own
end
local from = 0
while true do
  local posts = redis.call('ZRANGE', p .. 'due', from, from + 99)
  if #posts == 0 then return false end
  for _, post in ipairs(posts) do
    local until_ = tonumber(redis.call('HGET', p .. 'until', post) or '0')
    if until_ <= now and redis.call('SISMEMBER', p .. 'involved:' .. post, who) == 0 then
      redis.call('HSET', p .. 'until', post, tostring(now + lease))
      redis.call('HSET', p .. 'holder', post, who)
      redis.call('SET', p .. 'current:' .. who, post)
      return post
    end
  end
  from = from + 100
end
