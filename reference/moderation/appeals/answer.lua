-- ARGV: prefix, now, reviewer, post, answer json, keep_s. Returns {stored}, {already, json} or {lost}.
local p, who, post, keep = ARGV[1], ARGV[3], ARGV[4], math.ceil(tonumber(ARGV[6]))
local said = redis.call('HGET', p .. 'item:' .. post, 'answer')
if said then return {'already', said} end
if redis.call('HGET', p .. 'holder', post) ~= who then return {'lost'} end
redis.call('HSET', p .. 'item:' .. post, 'answer', ARGV[5])
redis.call('ZREM', p .. 'due', post)
redis.call('HDEL', p .. 'until', post)
redis.call('HDEL', p .. 'holder', post)
redis.call('DEL', p .. 'current:' .. who, p .. 'files:' .. post)
redis.call('SADD', p .. 'outbox', post)
redis.call('EXPIRE', p .. 'involved:' .. post, keep)
redis.call('XADD', p .. 'audit', 'MAXLEN', '~', 100000, '*', 'event', 'answered', 'post', post, 'who', who, 'at', ARGV[2])
return {'stored'}
