-- Sends the requests of a file, one after the other and over again: wrk -s cycle.lua URL -- FILE
-- They stand there byte for byte, with a NUL after each.

local requests, latest = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for request in file:read("*a"):gmatch("[^%z]+") do
    requests[#requests + 1] = request
  end
  file:close()
end

function request()
  latest = latest % #requests + 1
  return requests[latest]
end
