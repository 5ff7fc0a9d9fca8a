-- Adds one use to a tenant's hour. Returns the place after it in `args`.
-- hash: counters of the hour; features: names seen in it; most: of them, further ones count under "other"
-- args[at...]: feature, its series, the series of "other", number of pairs, then counter and amount of each
local function add_usage(hash, features, keep_s, most, args, at)
  local series = args[at + 1]
  if args[at] ~= '' and redis.call('SISMEMBER', features, args[at]) == 0 then
    if redis.call('SCARD', features) < tonumber(most) then
      redis.call('SADD', features, args[at])
      redis.call('EXPIRE', features, keep_s)
    else
      series = args[at + 2]
    end
  end
  local last = at + 3 + 2 * tonumber(args[at + 3])
  for i = at + 4, last, 2 do
    redis.call('HINCRBY', hash, series .. args[i], args[i + 1])
  end
  redis.call('EXPIRE', hash, keep_s)
  return last + 1
end
