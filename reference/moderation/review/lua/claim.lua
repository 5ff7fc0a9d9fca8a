-- ARGV: prefix, now, reviewer, lease_s, languages "|en|de|", lead, ageing_s, open_after_s, severe_from, per_hour,
-- per_shift, shift_s, work_s, break_s. Returns {item, place, post, lease_end, at} or {break|limit|empty, until}.
local who, lease, langs, lead = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6] == '1'
local ageing, open_after, severe = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local per_hour, per_shift, shift_s = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local work_s, break_s = tonumber(ARGV[13]), tonumber(ARGV[14])

local current = redis.call('GET', p .. 'current:' .. who)
if current then  -- a page that was loaded again gets the same post, with a new lease
  local part = split(current)
  local row = redis.call('XRANGE', p .. 's:' .. part[1], part[2], part[2])
  if #row == 1 then
    redis.call('ZADD', p .. 'open:' .. part[1], now + lease, part[2])
    return {'item', part[1], part[3], tostring(now + lease), row[1][2][4]}
  end
  redis.call('DEL', p .. 'current:' .. who)
end

local work = p .. 'work:' .. who
local since, last = tonumber(redis.call('HGET', work, 'since') or '0'), tonumber(redis.call('HGET', work, 'last') or '0')
local until_ = tonumber(redis.call('HGET', work, 'break_until') or '0')
if until_ > now then return {'break', tostring(until_)} end
if since == 0 or now - last >= break_s then since = now end
if now - since >= work_s then
  redis.call('HSET', work, 'since', 0, 'last', ARGV[2], 'break_until', tostring(now + break_s))
  audit('break', '', who)
  return {'break', tostring(now + break_s)}
end

local exposure = p .. 'exposure:' .. who
redis.call('ZREMRANGEBYSCORE', exposure, '-inf', now - math.max(shift_s, 3600))
local hour = redis.call('ZCOUNT', exposure, '(' .. tostring(now - 3600), '+inf')
local shift = redis.call('ZCOUNT', exposure, '(' .. tostring(now - shift_s), '+inf')
local tired = hour >= per_hour or shift >= per_shift
local best, kept_back = nil, false

local function consider(lane, id, row, base, speaks, fresh)
  local at = tonumber(row[1][2][4])
  if not speaks and now - at < open_after then return end
  local score = base + (now - at) / ageing
  if not best or score > best.score or (score == best.score and at < best.at) then
    best = {lane = lane, id = id, post = row[1][2][2], at = at, at_text = row[1][2][4], score = score, fresh = fresh}
  end
end

for _, lane in ipairs(redis.call('SMEMBERS', p .. 'lanes')) do
  local sev, vir, lang, stage = string.match(lane, '^(%d+):(%d+):([^:]+):(%a+)$')
  sev, vir = tonumber(sev), tonumber(vir)
  local key, openkey = p .. 's:' .. lane, p .. 'open:' .. lane
  local speaks = lang == 'und' or string.find(langs, '|' .. lang .. '|', 1, true) ~= nil
  if stage == 'lead' and not lead then
    -- not for this reviewer
  elseif sev >= severe and tired then
    kept_back = true
  else
    local base = 10 * sev + 2 * vir + (stage == 'first' and 0 or 5)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', openkey, '-inf', now, 'LIMIT', 0, 50)) do
      local row = redis.call('XRANGE', key, id, id)
      if #row == 0 then
        redis.call('ZREM', openkey, id)
      elseif redis.call('HGET', p .. 'owner', lane .. '|' .. id) == who
        or redis.call('SISMEMBER', p .. 'holders:' .. row[1][2][2], who) == 0 then
        consider(lane, id, row, base, speaks, false)
      end
    end
    for _ = 1, 20 do  -- the head of what nobody had yet; own second copies are set aside for others
      local info = redis.call('XINFO', 'GROUPS', key)[1]
      local delivered = '0'
      for i = 1, #info, 2 do if info[i] == 'last-delivered-id' then delivered = info[i + 1] end end
      local row = redis.call('XRANGE', key, '(' .. delivered, '+', 'COUNT', 1)
      if #row == 0 then break end
      if redis.call('SISMEMBER', p .. 'holders:' .. row[1][2][2], who) == 0 then
        consider(lane, row[1][1], row, base, speaks, true)
        break
      end
      redis.call('XREADGROUP', 'GROUP', 'g', 'set-aside', 'COUNT', 1, 'STREAMS', key, '>')
      redis.call('ZADD', openkey, 0, row[1][1])
    end
  end
end
if not best then
  redis.call('HSET', work, 'since', tostring(since), 'last', ARGV[2])
  local again = 0
  if kept_back then
    local source = hour >= per_hour and 3600 or shift_s
    local oldest = redis.call('ZRANGEBYSCORE', exposure, '(' .. tostring(now - source), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    again = oldest[2] and tonumber(oldest[2]) + source or now + 3600
  end
  return {kept_back and 'limit' or 'empty', tostring(again)}
end

local place = best.lane .. '|' .. best.id
if best.fresh then
  redis.call('XREADGROUP', 'GROUP', 'g', who, 'COUNT', 1, 'STREAMS', p .. 's:' .. best.lane, '>')
else
  redis.call('XCLAIM', p .. 's:' .. best.lane, 'g', who, 0, best.id)
  local old = redis.call('HGET', p .. 'owner', place)
  if old and old ~= who then
    free(best.lane, best.id, best.post, old)
    audit('lease expired', best.post, old)
  end
end
redis.call('ZADD', p .. 'open:' .. best.lane, now + lease, best.id)
redis.call('HSET', p .. 'owner', place, who)
redis.call('SADD', p .. 'holders:' .. best.post, who)
redis.call('SET', p .. 'current:' .. who, place .. '|' .. best.post)
redis.call('HSET', work, 'since', tostring(since), 'last', ARGV[2])
redis.call('EXPIRE', work, 172800)
if tonumber(string.match(best.lane, '^(%d+)')) >= severe then
  redis.call('ZADD', exposure, now, place)
  redis.call('EXPIRE', exposure, 172800)
end
audit('claim', best.post, who)
return {'item', best.lane, best.post, tostring(now + lease), best.at_text}
