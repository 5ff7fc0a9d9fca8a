-- ARGV: prefix, now, post, most_open, data json, due, file count, files..., involved... Returns filed, known or full.
local p, post = ARGV[1], ARGV[3]
if redis.call('EXISTS', p .. 'item:' .. post) == 1 then return 'known' end
if redis.call('ZCARD', p .. 'due') >= tonumber(ARGV[4]) then return 'full' end
redis.call('HSET', p .. 'item:' .. post, 'data', ARGV[5])
local files = tonumber(ARGV[7])
for i = 1, files do redis.call('HSET', p .. 'files:' .. post, i - 1, ARGV[7 + i]) end
for i = 8 + files, #ARGV do redis.call('SADD', p .. 'involved:' .. post, ARGV[i]) end
redis.call('ZADD', p .. 'due', ARGV[6], post)
redis.call('XADD', p .. 'audit', 'MAXLEN', '~', 100000, '*', 'event', 'filed', 'post', post, 'who', '', 'at', ARGV[2])
return 'filed'
