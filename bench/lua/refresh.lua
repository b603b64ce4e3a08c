-- Trades refresh tokens: wrk -s refresh.lua URL -- FILE PATH FIELD
-- The file holds a token a line, more than there are connections. A token is sent once; the one that
-- is answered goes to the end of the queue, so that every chain goes on, whichever connection has it.

local queue, first, last = {}, 1, 0
local path, field, pattern
local headers = { ["Content-Type"] = "application/json" }

local function append(token)
  last = last + 1
  queue[last] = token
end

function init(arguments)
  for token in io.lines(arguments[1]) do
    append(token)
  end
  path, field = arguments[2], arguments[3]
  pattern = '"' .. field .. '"%s*:%s*"([^"]+)"'
end

function request()
  local token = queue[first] or ""
  queue[first] = nil
  first = first + 1
  return wrk.format("POST", path, headers, '{"' .. field .. '":"' .. token .. '"}')
end

function response(status, _, body)
  if status == 200 then
    append(body:match(pattern))
  end
end
