-- Stands before every script. Scripts that change a user take the same first five keys:
--   KEYS 1 user (hash)  2 deadlines (zset)  3 events (stream)  4 counts (hash)  5 cursor (hash)
-- Nothing here writes unless its name says so; a script validates everything before its first write.

-- Redis time in ms. Read once per script: it is the time of all the script does.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The value of one `name=value` of a record.
local function field(record, name)
  return string.match(' ' .. record, ' ' .. name .. '=(%S*)')
end

local function platform_of(device)
  return string.match(device, '^(%w+):')
end

local function name_of(device, record)
  return device .. ':' .. field(record, 'generation')
end

-- Sorts devices by the logins of their sessions, the oldest first. No two logins of a user have the same time.
local function sort_by_login(devices, sessions)
  table.sort(devices, function(one, two)
    return tonumber(field(sessions[one], 'login')) < tonumber(field(sessions[two], 'login'))
  end)
end

-- The items of a comma separated list as a set.
local function set_of(list)
  local set = {}
  for item in string.gmatch(list, '[^,]+') do set[item] = true end
  return set
end

-- Online if any session is, else PushOnline if any is, else Offline.
local function status_of(sessions)
  local status = 'Offline'
  for _, record in pairs(sessions) do
    local own = field(record, 'status')
    if own == 'Online' then return own end
    if own == 'PushOnline' then status = own end
  end
  return status
end

-- The user of KEYS 1: its sessions by device, what the scripts keep beside them, and the records that were
-- replaced or removed since.
local function read_user(id)
  local user = { id = id, sessions = {}, kept = {}, former = {} }
  local flat = redis.call('HGETALL', KEYS[1])
  for i = 1, #flat, 2 do
    local part = string.find(flat[i], ':', 1, true) and user.sessions or user.kept
    part[flat[i]] = flat[i + 1]
  end
  user.version = tonumber(user.kept.version or 0)
  user.status = status_of(user.sessions)
  return user
end

-- The sessions named in ARGV from `first` on, each with its lease and push key in KEYS 6 or 7 and up.
local function declared_sessions(first_arg, first_key)
  local declared = {}
  for i = first_arg, #ARGV do
    local at = first_key + 2 * (i - first_arg)
    declared[ARGV[i]] = { lease = KEYS[at], push = KEYS[at + 1] }
  end
  return declared
end

-- What a remembered operation answered: version, user status and sessions; nothing if it is not remembered.
local function recall(user, operation)
  for entry in string.gmatch(user.kept.recent or '', '[^;]+') do
    local id, version, status, sessions = string.match(entry, '^(%w+) (%d+) (%a+) ?(%S*)')
    if id == operation then
      local answer = { version, status }
      for session in string.gmatch(sessions, '[^,]+') do answer[#answer + 1] = session end
      return answer
    end
  end
end

-- Which session ended this one: its name, empty if it is over too or it was a kick; nothing if no remembered
-- operation did.
local function ended_by(user, session)
  for entry in string.gmatch(user.kept.recent or '', '[^;]+') do
    local id = string.match(entry, '^%w+')
    for part in string.gmatch(entry, '[^, ]+') do
      if part == session then
        for device, record in pairs(user.sessions) do
          if field(record, 'generation') == id then return name_of(device, record) end
        end
        return ''
      end
    end
  end
end

-- Operations that are remembered, and for how long.
local recent_most, recent_ms = 8, 60000

-- Remembers an operation's answer for a minute, at most the last eight, so that a repeat gets the same; behind it,
-- no part of the answer, the session of the same device that a login replaced, and the client's attempt.
local function write_recent(user, operation, sessions, now, replaced, attempt)
  local answer = user.version .. ' ' .. status_of(user.sessions) .. ' ' .. table.concat(sessions, ',')
  if replaced then answer = answer .. ' ' .. replaced end
  if attempt then answer = answer .. ' ' .. attempt end
  local entries = { operation .. ' ' .. answer }
  for entry in string.gmatch(user.kept.recent or '', '[^;]+') do
    local is_recent = tonumber(string.match(entry, ' (%d+)')) > now - recent_ms
    if #entries < recent_most and is_recent then entries[#entries + 1] = entry end
  end
  redis.call('HSET', KEYS[1], 'recent', table.concat(entries, ';'))
end

-- Writes a session's record, or removes it where there is none, and keeps the counts in step.
local function write_session(user, device, record)
  local old = user.sessions[device]
  local platform = platform_of(device)
  if old then
    redis.call('HINCRBY', KEYS[4], field(old, 'status') .. ':' .. platform, -1)
    table.insert(user.former, old)
  end
  if record then
    redis.call('HINCRBY', KEYS[4], field(record, 'status') .. ':' .. platform, 1)
    redis.call('HSET', KEYS[1], device, record)
  else
    redis.call('HDEL', KEYS[1], device)
  end
  user.sessions[device] = record
end

-- The version a change at this time gives the user: the time, but later than every change before, also within one
-- millisecond and after the clock stepped back.
local function next_version(user, now)
  return math.max(user.version + 1, now)
end

-- Appends the event of a change already written, with the user's next version. `more` is a list of
-- further fields and values. Every event has the same fields in the same order.
local function write_event(user, _, action, reason, session, status, now, more)
  local previous, told = user.version, { address = '', kicked = '', note = '' }
  for i = 1, #more, 2 do told[more[i]] = more[i + 1] end
  user.version = next_version(user, now)
  redis.call('HSET', KEYS[1], 'version', user.version, 'changed', now)
  redis.call('XADD', KEYS[3], '*', 'user', user.id, 'version', user.version, 'previous', previous, 'action', action,
    'reason', reason, 'session', session, 'status', status, 'userStatus', status_of(user.sessions),
    'address', told.address, 'kicked', told.kicked, 'note', told.note)
  redis.call('HINCRBY', KEYS[5], 'backlog', 1)
end

-- Ends the change of a user: the users' counts, and for one without sessions no deadline and a retention (ms).
local function write_end(user, retention)
  local status = status_of(user.sessions)
  if status ~= user.status then
    if user.status ~= 'Offline' then redis.call('HINCRBY', KEYS[4], 'users:' .. user.status, -1) end
    if status ~= 'Offline' then redis.call('HINCRBY', KEYS[4], 'users:' .. status, 1) end
  end
  if next(user.sessions) then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('ZREM', KEYS[2], user.id)
    redis.call('PEXPIRE', KEYS[1], retention)
  end
  return status
end

-- An event's further fields: the client's address, if it told one.
local function address_of(record)
  local address = field(record, 'address')
  return address and { 'address', address } or {}
end

-- An Online session whose client is gone: PushOnline for `push` ms where that exists (push > 0), else Offline.
-- Returns its status.
local function write_lost(user, device, keys, push, reason, event, now)
  local record = user.sessions[device]
  local status = push > 0 and 'PushOnline' or 'Offline'
  redis.call('DEL', keys.lease)
  if push > 0 then
    local pushed = string.gsub(record, 'status=%a+', 'status=PushOnline', 1)
    pushed = string.gsub(pushed, 'changed=%d+', 'changed=' .. now, 1)
    write_session(user, device, pushed)
    redis.call('SET', keys.push, '1', 'PX', push)
    redis.call('ZADD', KEYS[2], 'LT', now + push, user.id)
  else
    write_session(user, device, nil)
  end
  write_event(user, event, 'Disconnect', reason, name_of(device, record), status, now, address_of(record))
  return status
end

-- A session that is logged in no longer.
local function write_logout(user, device, keys, reason, event, now, more)
  local record = user.sessions[device]
  redis.call('DEL', keys.lease, keys.push)
  write_session(user, device, nil)
  write_event(user, event, 'Logout', reason, name_of(device, record), 'Offline', now, more or address_of(record))
end

-- Whether two records name the same socket of the same worker.
local function same_socket(one, other)
  return field(one, 'worker') == field(other, 'worker') and field(one, 'link') == field(other, 'link')
end

-- Which client a record is of; nothing if it did not tell.
local function client_of(record)
  return string.match(field(record, 'attempt') or '', '^(%w+)%.%d+$')
end

-- Whether the client that told these details has been here since with a later attempt: one of its is Online on the
-- device, or is remembered.
local function is_late(user, device, details)
  local client, number = string.match(field(details, 'attempt') or '', '^(%w+)%.(%d+)$')
  if not client then return false end
  local function is_later(attempt)
    local other, latest = string.match(attempt or '', '^(%w+)%.(%d+)$')
    return other == client and tonumber(latest) > tonumber(number)
  end
  local record = user.sessions[device]
  if record and field(record, 'status') == 'Online' and is_later(field(record, 'attempt')) then return true end
  for entry in string.gmatch(user.kept.recent or '', '[^;]+') do
    if is_later(string.match(entry, ' (%S+)$')) then return true end
  end
  return false
end

-- Tells the workers that hold a socket of these records what became of its session. The last a script does.
-- It is a hint: nobody may hear it, and a Redis user who may not publish changes nothing else.
local function tell(records, what)
  for _, record in ipairs(records) do
    local link = field(record, 'link')
    if link then
      local channel = string.match(KEYS[1], '^[^:]+') .. ':worker:' .. field(record, 'worker')
      redis.pcall('PUBLISH', channel, link .. ' ' .. what)
    end
  end
end
