-- A writer's collected uses of one tenant's hour, once: a write whose reply was lost is sent again and does nothing.
-- KEYS: hash, features.  ARGV: seconds to keep, most features, writer, number of this write, then uses as in add.lua
local mark = '\nwriter:' .. ARGV[3]
if tonumber(redis.call('HGET', KEYS[1], mark) or 0) >= tonumber(ARGV[4]) then return 0 end
local at = 5
while at <= #ARGV do
  at = add_usage(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV, at)
end
redis.call('HSET', KEYS[1], mark, ARGV[4])
return 1
