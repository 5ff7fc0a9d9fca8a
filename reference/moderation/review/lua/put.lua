-- ARGV: prefix, now, post, lane, needed, most_waiting, fields json. Returns added, known or full.
local post, lane, needed = ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('EXISTS', p .. 'item:' .. post) == 1 then return 'known' end
if redis.call('ZCARD', p .. 'posts') >= tonumber(ARGV[6]) then return 'full' end
redis.call('HSET', p .. 'item:' .. post, 'data', ARGV[7], 'needed', needed, 'at', ARGV[2], 'lane', lane, 'state', 'open')
redis.call('ZADD', p .. 'posts', now, post)
for i = 8, #ARGV, 2 do redis.call('HSET', p .. 'media:' .. post, ARGV[i], ARGV[i + 1]) end
for _ = 1, needed do add(lane, post, ARGV[2]) end
audit('put', post, '')
return 'added'
