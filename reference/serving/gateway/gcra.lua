-- Generic cell rate algorithm for a cost of one or more cells; the clock is Redis's own.
-- KEYS[1]  theoretical arrival time (TAT), in microseconds
-- ARGV[1]  microseconds per cell      ARGV[2]  burst, in cells
-- ARGV[3]  cost, in cells; negative gives cells back
-- returns  { allowed 0/1, cells left, microseconds until the cost would fit (-1: never), microseconds until full }
local per_cell, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local tat = tonumber(redis.call('GET', KEYS[1]) or 0)
if tat < now then tat = now end
local capacity = burst * per_cell
local new_tat = tat + cost * per_cell
if new_tat < now then new_tat = now end
if cost > burst then
  return { 0, math.floor((capacity - (tat - now)) / per_cell), -1, tat - now }
end
if cost > 0 and new_tat - now > capacity then
  return { 0, math.max(0, math.floor((capacity - (tat - now)) / per_cell)), new_tat - now - capacity, tat - now }
end
if new_tat > now then
  redis.call('SET', KEYS[1], string.format('%.0f', new_tat), 'PX', math.ceil((new_tat - now) / 1000) + 1)
else
  redis.call('DEL', KEYS[1])
end
return { 1, math.floor((capacity - (new_tat - now)) / per_cell), 0, new_tat - now }
