-- Members that are due, each put off until `until` so that nobody else takes them meanwhile.
-- KEYS: sorted set.  ARGV: now, until, most
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[2], member) end
return due
