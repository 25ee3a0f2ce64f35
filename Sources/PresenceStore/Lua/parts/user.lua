-- A user as on record: a hash with a field `<platform>:<instance>` for each session, and `version`, that of the
-- user's last change, where no session's record tells it.
-- Uses record

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

-- The user of this key from its fields as HGETALL gives them; nothing, and the field, where one is none of ours.
local function user_of(key, id, flat)
  local user, kept, newest = { key = key, id = id, sessions = {} }, 0, 0
  for i = 1, #flat, 2 do
    local name, text = flat[i], flat[i + 1]
    if string.find(name, ':', 1, true) then
      local changed = field(text, 'status') and field(text, 'generation') and changed_of(text)
      if not changed then return nil, name end
      user.sessions[name] = text
      newest = math.max(newest, changed)
    elseif name == 'version' then
      kept = tonumber(text) or 0
    end
  end
  user.is_kept, user.version = kept > 0, digits(math.max(kept, newest))
  user.status = status_of(user.sessions)
  return user
end

local function read_user(key, id)
  return user_of(key, id, redis.call('HGETALL', key))
end

-- Sorts devices by the logins of their sessions, the oldest first. No two logins of a user have the same version.
local function sort_by_login(devices, sessions)
  table.sort(devices, function(one, two)
    return tonumber(field(sessions[one], 'login')) < tonumber(field(sessions[two], 'login'))
  end)
end

-- The sessions named in ARGV from `first_arg` on, each with its lease and push key from KEYS `first_key` on.
local function declared_sessions(first_arg, first_key)
  local declared = {}
  for i = first_arg, #ARGV do
    local at = first_key + 2 * (i - first_arg)
    declared[ARGV[i]] = { lease = KEYS[at], push = KEYS[at + 1] }
  end
  return declared
end
