-- The store's primitives in Redis, each atomic.
-- KEYS[1]; ARGV: the operation, the time in ms (0: the server's), then the operation's arguments.
local key, operation, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Entries expire by their own time; Redis's expiry, which is later, only frees the memory.
local SPARE = 60000

local stored = redis.call('HMGET', key, 'value', 'until')
local value, expires_at = stored[1], tonumber(stored[2])
if value and expires_at <= now then value = false end

local function integer(number) return string.format('%.0f', number) end

local function keep(new, until_ms)
  redis.call('HSET', key, 'value', new, 'until', integer(until_ms))
  redis.call('PEXPIRE', key, integer(math.max(until_ms - now, 0) + SPARE))
end

local operations = {}

-- Returns the time and the entry, if there is one.
function operations.read()
  if value then return {now, value, expires_at} end
  return {now}
end

-- 'old' and 'new' are '+' and a value, or '-' for none. Replies nothing on success, and else as
-- 'read', because the entry has changed.
function operations.compare_and_put(old, new, until_ms)
  if old ~= (value and '+' .. value or '-') then return operations.read() end
  if new == '-' then
    redis.call('DEL', key)
  else
    keep(string.sub(new, 2), tonumber(until_ms))
  end
  return {}
end

-- The same algorithm as windows.py, in one round trip.
local function rolled_over(length)
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
  local start, current, previous = rolled_over(length)
  local elapsed = now - start + 1
  local used = current + math.floor(previous * math.max(length - elapsed, 0) / length)
  local allowed = used + amount <= limit
  if allowed then
    current, used = current + amount, used + amount
  end
  keep(integer(start) .. ' ' .. integer(current) .. ' ' .. integer(previous), start + 2 * length)
  if allowed and used < limit then
    return {1, used, length - elapsed + 1}
  end
  local room = limit - (allowed and 1 or amount)
  return {allowed and 1 or 0, used, wait(room, current, previous, elapsed, length)}
end

return operations[operation](unpack(ARGV, 3))
