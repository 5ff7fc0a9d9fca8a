-- ARGV: prefix, now, reviewer. Gives the reviewer's post back. Returns 1 if there was one.
local current = redis.call('GET', p .. 'current:' .. ARGV[3])
if not current then return 0 end
local part = split(current)
free(part[1], part[2], part[3], ARGV[3])
redis.call('DEL', p .. 'current:' .. ARGV[3])
audit('given back', part[3], ARGV[3])
return 1
