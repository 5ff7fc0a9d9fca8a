-- Give a lease up, only if it is one's own: a look and a delete in two steps could delete the lease of the next holder.
-- KEYS: lease; ARGV: owner
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
