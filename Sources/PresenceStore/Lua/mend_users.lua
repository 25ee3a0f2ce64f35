#!lua flags=allow-oom
-- Mends what no script leaves behind: timers without an end or without their session, records that end while a session
-- is there or never once none is, deadlines that are missing, too late, or of nobody. Ends no session: one without a
-- timer gets a deadline before which its client has time for a heartbeat, and the sweep decides.
-- Uses time record user
-- KEYS 1 deadlines (zset) 2.. per user: the user (hash), then lease and push of each session (string)
-- ARGV 1 offline retention (ms) 2 how late a deadline may be (ms)
-- ARGV 3.. per user: id, number of sessions, then of each: name, heartbeat timeout, push retention, grace (ms)
-- Returns mended
local deadlines = KEYS[1]
local retention, late = ARGV[1], tonumber(ARGV[2])
local now = now_ms()
-- A key that holds something else is found before the first write.
redis.call('ZSCORE', deadlines, '')

-- When the session ends if nothing more is heard of it; nothing where it is not on record.
local function mend_session(status, timers, lengths)
  if not status then
    redis.call('DEL', timers.Online, timers.PushOnline)
    return math.huge
  end
  redis.call('DEL', timers[status == 'Online' and 'PushOnline' or 'Online'])
  local left = redis.call('PTTL', timers[status])
  if left == -1 then
    left = tonumber(lengths[status])
    redis.call('PEXPIRE', timers[status], left)
  elseif left == -2 then
    left = status == 'Online' and tonumber(lengths.grace) or 0
  end
  return now + left
end

local function mend_user(user, earliest)
  local ends, deadline = redis.call('PTTL', user.key), redis.call('ZSCORE', deadlines, user.id)
  if user.status == 'Offline' then
    if ends == -1 then redis.call('PEXPIRE', user.key, retention) end
    if deadline then redis.call('ZREM', deadlines, user.id) end
  else
    if ends >= 0 then redis.call('PERSIST', user.key) end
    if not deadline or tonumber(deadline) > earliest + late then redis.call('ZADD', deadlines, earliest, user.id) end
  end
end

local key, argument = 2, 3
while argument <= #ARGV do
  local id, sessions = ARGV[argument], tonumber(ARGV[argument + 1])
  local flat = redis.pcall('HGETALL', KEYS[key])
  local user = not flat.err and user_of(KEYS[key], id, flat)
  if user then
    local statuses, earliest = {}, math.huge
    for device, record in pairs(user.sessions) do statuses[name_of(device, record)] = field(record, 'status') end
    for i = 0, sessions - 1 do
      local at, lease = argument + 2 + 4 * i, key + 1 + 2 * i
      local timers = { Online = KEYS[lease], PushOnline = KEYS[lease + 1] }
      local lengths = { Online = ARGV[at + 1], PushOnline = ARGV[at + 2], grace = ARGV[at + 3] }
      earliest = math.min(earliest, mend_session(statuses[ARGV[at]], timers, lengths))
      statuses[ARGV[at]] = nil
    end
    if not next(statuses) then mend_user(user, earliest) end
  end
  key, argument = key + 1 + 2 * sessions, argument + 2 + 4 * sessions
end
return { 'mended' }
