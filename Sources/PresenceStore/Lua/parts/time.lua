-- Redis time in ms. A script reads it once: it is the time of all the script does.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
