-- The primitives as Redis runs them, each atomic: what entries.py says, and no more.
-- KEYS[1]; ARGV: the operation, the time in ms (0: this server's own), then the operation's own.
local key, operation, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- The entry's own time decides; Redis's only cleans up behind it.
local SPARE = 60000
local MOST_PLACES = 256

local stored = redis.call('HMGET', key, 'value', 'until')
local value = stored[1]
if value and tonumber(stored[2]) <= now then value = false end

local function whole(number) return string.format('%.0f', number) end

local function keep(new, expires_at)
  redis.call('HSET', key, 'value', new, 'until', whole(expires_at))
  redis.call('PEXPIRE', key, whole(math.max(expires_at - now, 0) + SPARE))
end

local function forget() redis.call('DEL', key) end

local operations = {}

function operations.increment(lifetime, amount)
  local count = (value and tonumber(value) or 0) + tonumber(amount)
  keep(whole(count), now + tonumber(lifetime))
  return whole(count)
end

function operations.get() return value end

function operations.put(new, lifetime)
  keep(new, now + tonumber(lifetime))
  return 1
end

function operations.put_new(new, lifetime)
  if value then return 0 end
  keep(new, now + tonumber(lifetime))
  return 1
end

function operations.take()
  forget()
  return value
end

function operations.delete()
  forget()
  return 1
end

local function turned(length)
  if not value then return now, 0, 0 end
  local start, current, previous = string.match(value, '^(%S+) (%S+) (%S+)$')
  start, current, previous = tonumber(start), tonumber(current), tonumber(previous)
  local passed = now - start
  if passed < 0 then return now, current, previous end
  if passed < length then return start, current, previous end
  if passed < 2 * length then return start + length, 0, current end
  return now, 0, 0
end

local function age(room, count, length)
  if count <= room then return 1 end
  return math.floor(length * (count - room - 1) / count) + 1
end

local function wait(room, current, previous, elapsed, length)
  if room < 0 then return length end
  if current <= room then return age(room - current, previous, length) - elapsed end
  return length - elapsed + math.max(age(room, current, length), 1)
end

function operations.count_in_window(limit, length, amount)
  limit, length, amount = tonumber(limit), tonumber(length), tonumber(amount)
  local start, current, previous = turned(length)
  local elapsed = now - start + 1
  local used = current + math.floor(previous * math.max(length - elapsed, 0) / length)
  local allowed = used + amount <= limit
  if allowed then
    current, used = current + amount, used + amount
  end
  keep(whole(start) .. ' ' .. whole(current) .. ' ' .. whole(previous), start + 2 * length)
  if allowed and used < limit then
    return {1, used, length - elapsed + 1}
  end
  local room = limit - (allowed and 1 or amount)
  return {allowed and 1 or 0, used, wait(room, current, previous, elapsed, length)}
end

local function read_record(lifetime, patience)
  if not value then return {in_all = {0, 0}, places = {}, busy = {}, busy_until = 0} end
  local record = cjson.decode(value)
  local latest = now + lifetime
  if record.in_all[2] > now then
    record.in_all[2] = math.min(record.in_all[2], latest)
  else
    record.in_all = {0, 0}
  end
  for name, failures in pairs(record.places) do
    if failures[2] > now then
      failures[2] = math.min(failures[2], latest)
    else
      record.places[name] = nil
    end
  end
  if record.busy_until <= now or record.busy_until > now + 2 * patience then record.busy = {} end
  return record
end

local function keep_record(record)
  local ends_at = record.in_all[2]
  for _, failures in pairs(record.places) do ends_at = math.max(ends_at, failures[2]) end
  if next(record.busy) then ends_at = math.max(ends_at, record.busy_until) end
  if ends_at <= now then forget() else keep(cjson.encode(record), ends_at) end
end

function operations.begin_attempt(place, per_place, in_all, lifetime, patience)
  per_place, in_all = tonumber(per_place), tonumber(in_all)
  lifetime, patience = tonumber(lifetime), tonumber(patience)
  local record = read_record(lifetime, patience)
  local here = record.places[place] or {0, now}
  local opens_at = 0
  if here[1] >= per_place then opens_at = here[2] end
  if record.in_all[1] >= in_all then opens_at = math.max(opens_at, record.in_all[2]) end
  if opens_at > 0 then
    -- As it was read: a clock that was set back shall not put it off at every look.
    keep_record(record)
    return {'locked', opens_at - now}
  end
  local busy_here, busy = record.busy[place] or 0, 0
  for _, count in pairs(record.busy) do busy = busy + count end
  if here[1] + busy_here >= per_place or record.in_all[1] + busy >= in_all then
    return {'full', 0}
  end
  record.busy[place] = busy_here + 1
  record.busy_until = now + patience
  keep_record(record)
  return {'begun', 0}
end

local function fail(record, place, lifetime)
  local here = (record.places[place] or {0, 0})[1] + 1
  local in_all = record.in_all[1] + 1
  record.places[place] = {here, now + lifetime}
  record.in_all = {in_all, now + lifetime}
  local count, oldest = 0, nil
  for name, failures in pairs(record.places) do
    count = count + 1
    if not oldest or failures[2] < record.places[oldest][2] then oldest = name end
  end
  if count > MOST_PLACES then record.places[oldest] = nil end
  return here, in_all
end

function operations.end_attempt(place, per_place, in_all, lifetime, patience, outcome, begun)
  local record = read_record(tonumber(lifetime), tonumber(patience))
  if begun == '1' then
    local left = (record.busy[place] or 0) - 1
    record.busy[place] = left > 0 and left or nil
  end
  local locked = 0
  if outcome == 'failed' then
    local here, everywhere = fail(record, place, tonumber(lifetime))
    if here == tonumber(per_place) or everywhere == tonumber(in_all) then locked = 1 end
  elseif outcome == 'succeeded' then
    record.in_all = {0, 0}
    record.places[place] = nil
  end
  keep_record(record)
  return locked
end

return operations[operation](unpack(ARGV, 3))
