-- ARGV: prefix, now, reviewer, post, undo_s, verdict json. Returns {held, due}, {already, json}, closed, or lost.
local who, post, undo_s = ARGV[3], ARGV[4], tonumber(ARGV[5])
local mark = post .. '|' .. who
local said = redis.call('HGET', p .. 'verdicts:' .. post, who) or redis.call('HGET', p .. 'heldv', mark)
if said then return {'already', said} end
if redis.call('HGET', p .. 'item:' .. post, 'state') ~= 'open' then return {'closed', ''} end
local current = redis.call('GET', p .. 'current:' .. who)
local part = current and split(current) or {}
if part[3] ~= post or redis.call('HGET', p .. 'owner', part[1] .. '|' .. part[2]) ~= who then return {'lost', ''} end
redis.call('HSET', p .. 'heldv', mark, ARGV[6])
redis.call('HSET', p .. 'heldplace', mark, part[1] .. '|' .. part[2])
redis.call('ZADD', p .. 'held', now + undo_s, mark)
-- A held verdict settles as soon as anybody looks; until then nobody else may take the post.
redis.call('ZADD', p .. 'open:' .. part[1], now + undo_s + 86400, part[2])
redis.call('DEL', p .. 'current:' .. who)
redis.call('HSET', p .. 'work:' .. who, 'last', ARGV[2])
audit('verdict', post, who)
return {'held', tostring(now + undo_s)}
