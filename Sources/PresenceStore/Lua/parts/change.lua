-- A change: what a script writes of users and their shard. Counts, backlog and the deadlines of users who are gone are
-- gathered and written once, by `write_change`; notices are for the caller to publish.
-- Uses record user

local function must_be(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then error({ err = 'WRONGTYPE ' .. key .. ' is no ' .. kind }) end
end

local function must_run(command, ...)
  if redis.acl_check_cmd(command, ...) then return end
  error({ err = "NOPERM this user has no permissions to run the '" .. string.lower(command) .. "' command" })
end

-- An error in the middle undoes nothing: what the Redis user may not do, and keys that hold something else, are found
-- before the first write. All that a change may call, as calls that could be made (Redis 7.0 crashes on others).
local function check_change(shard)
  must_be(shard.events, 'stream')
  must_be(shard.deadlines, 'zset')
  must_run('XADD', shard.events, '*', 'f', 'v')
  must_run('ZADD', shard.deadlines, '1', 'm')
  must_run('ZREM', shard.deadlines, 'm')
  must_run('HSET', shard.counts, 'f', 'v')
  must_run('HDEL', shard.counts, 'f')
  must_run('HINCRBY', shard.counts, 'f', '1')
  must_run('SET', shard.counts, 'v')
  must_run('DEL', shard.counts)
  must_run('PEXPIRE', shard.counts, '1')
  must_run('PERSIST', shard.counts)
end

-- To be called before the first write. `shard` has the keys deadlines, events, counts and cursor; none where there are
-- only notices. The only time of the change is `now` (ms). Its events tell the call that caused it, where one did.
local function begin_change(shard, now, request, traceparent)
  if shard then check_change(shard) end
  return {
    shard = shard, now = now, request = request or '', traceparent = traceparent or '', counts = {}, events = 0,
    gone = {}, notices = {},
  }
end

-- Gives the user the version of its next change: the time, but later than every change before, also within one
-- millisecond and after the clock stepped back. No record tells it yet (`is_told`).
local function next_version(change, user)
  user.previous, user.is_told = user.version, false
  user.version = digits(math.max(user.version + 1, change.now))
  return user.version
end

local function count(change, name, by)
  change.counts[name] = (change.counts[name] or 0) + by
end

-- Writes a session's record, which tells the version of this change, or removes it where there is none.
local function write_session(change, user, device, record)
  local old, platform = user.sessions[device], platform_of(device)
  if old then count(change, field(old, 'status') .. ':' .. platform, -1) end
  if record then
    count(change, field(record, 'status') .. ':' .. platform, 1)
    redis.call('HSET', user.key, device, record)
    user.is_told = true
  else
    redis.call('HDEL', user.key, device)
  end
  user.sessions[device] = record
end

-- Appends the event of a change already written. Every event has the same fields in the same order, for Redis keeps
-- names that repeat only once.
local function write_event(change, user, action, reason, session, status, address, kicked, note)
  redis.call('XADD', change.shard.events, '*', 'user', user.id, 'version', user.version, 'previous', user.previous,
    'action', action, 'reason', reason, 'session', session, 'status', status,
    'userStatus', status_of(user.sessions), 'address', address or '', 'kicked', kicked or '', 'note', note or '',
    'request', change.request, 'traceparent', change.traceparent)
  change.events = change.events + 1
end

-- Ends the change of a user: the users' counts; the version where no record tells it; for one without sessions
-- a retention (ms) of what is left. Returns the user's status.
local function write_user(change, user, retention)
  local status = status_of(user.sessions)
  if status ~= user.status then
    if user.status ~= 'Offline' then count(change, 'users:' .. user.status, -1) end
    if status ~= 'Offline' then count(change, 'users:' .. status, 1) end
  end
  if not user.is_told then
    redis.call('HSET', user.key, 'version', user.version)
  elseif user.is_kept then
    redis.call('HDEL', user.key, 'version')
  end
  if status == 'Offline' then
    redis.call('PEXPIRE', user.key, retention)
    table.insert(change.gone, user.id)
  elseif user.status == 'Offline' and user.is_kept then
    redis.call('PERSIST', user.key)
  end
  return status
end

-- Ends the change. Counts and backlog mirror what is written: damaged by hand they are counted anew, and are no error
-- of this change, which is made.
local function write_change(change)
  if #change.gone > 0 then redis.pcall('ZREM', change.shard.deadlines, unpack(change.gone)) end
  for name, by in pairs(change.counts) do
    local counted = by ~= 0 and redis.pcall('HINCRBY', change.shard.counts, name, by)
    if type(counted) == 'table' then redis.call('DEL', change.shard.counts) end
  end
  if change.events > 0 then redis.pcall('HINCRBY', change.shard.cursor, 'backlog', change.events) end
end

-- The worker that holds the socket of this record is to be told what became of its session. A hint: nobody may hear it.
local function tell(change, record, what)
  local link = field(record, 'link')
  if link then table.insert(change.notices, field(record, 'worker') .. ' ' .. link .. ' ' .. what) end
end
