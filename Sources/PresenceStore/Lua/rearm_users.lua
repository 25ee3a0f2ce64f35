#!lua flags=allow-oom
-- Raises the deadlines of users whose timers all run to the end of the first of them, and names the others. A user with
-- another number of sessions than was read has changed since and stays due; one that lost a session and got another
-- shows in the timer of the lost one. A timer without an end is given one.
-- Uses time
-- KEYS 1 deadlines (zset) 2.. per user: the user (hash), then its timers (string)
-- ARGV 1.. per user: id, number of sessions, that is of timers, then the length of each (ms)
-- Returns rearmed user..
local deadlines, now = KEYS[1], now_ms()
local answer, living = { 'rearmed' }, {}
local key, argument = 2, 1
while argument <= #ARGV do
  local id, timers = ARGV[argument], tonumber(ARGV[argument + 1])
  local earliest, is_ended = math.huge, false
  for timer = 1, timers do
    local left = redis.call('PTTL', KEYS[key + timer])
    if left == -2 then
      is_ended = true
      break
    elseif left == -1 then
      left = tonumber(ARGV[argument + 1 + timer])
      redis.call('PEXPIRE', KEYS[key + timer], left)
    end
    earliest = math.min(earliest, now + left)
  end
  if is_ended or timers == 0 then
    answer[#answer + 1] = id
  elseif redis.call('HLEN', KEYS[key]) - redis.call('HEXISTS', KEYS[key], 'version') == timers then
    living[#living + 1] = earliest
    living[#living + 1] = id
  end
  key, argument = key + 1 + timers, argument + 2 + timers
end
if #living > 0 then redis.call('ZADD', deadlines, 'XX', unpack(living)) end
return answer
