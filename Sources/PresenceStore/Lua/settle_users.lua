#!lua flags=allow-oom
-- Settles what the timers of users of one shard have ended, and re-arms their deadlines to the earliest that is left.
-- Uses time record user change ends silence
-- KEYS 1 owner (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash) 6 grace (string)
-- KEYS 7.. per user: the user (hash), then lease and push of each declared session (string)
-- ARGV 1 outage gap (ms) 2 offline retention (ms) 3 how long one is put off who cannot be read (ms)
-- ARGV 4.. per user: id, since when it is due (ms, empty if not known), number of sessions, then of each: name, push
-- retention (ms, 0 for none), grace (ms), reason
-- Returns settled ended (list of platform, reason and how late that is in ms) unreadable.. | unswept
-- Emits Disconnect/TimeOut | Disconnect/LinkClose | Logout/Expired
-- The note of the events says since when they were due.
-- A lease that ended while nobody swept says nothing about its client: until a sweep has seen the gap nothing is
-- settled. Grace is for who was Online when it began. All is read and decided before the first write.
local owner, grace_key = KEYS[1], KEYS[6]
local shard = { deadlines = KEYS[2], events = KEYS[3], counts = KEYS[4], cursor = KEYS[5] }
local gap, retention, put_off = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local now = now_ms()
if now - (tonumber(redis.call('HGET', owner, 'swept') or 0) or 0) > gap then return { 'unswept' } end
-- A grace that is no time, or has not begun, was written by hand.
local grace = redis.pcall('GET', grace_key)
local grace_began = type(grace) == 'string' and tonumber(grace) or nil
if grace_began and grace_began > now then grace_began = nil end

local users, answer, deadlines, settled = {}, { 'settled' }, {}, {}
local function due(id, at)
  deadlines[#deadlines + 1] = at
  deadlines[#deadlines + 1] = id
end
local key, argument = 7, 4
while argument <= #ARGV do
  local id, since, sessions, declared = ARGV[argument], tonumber(ARGV[argument + 1]), tonumber(ARGV[argument + 2]), {}
  for i = 0, sessions - 1 do
    local at, timers = argument + 3 + 4 * i, key + 1 + 2 * i
    declared[i + 1] = { name = ARGV[at], push = tonumber(ARGV[at + 1]), grace = tonumber(ARGV[at + 2]),
      reason = ARGV[at + 3], lease = KEYS[timers], push_key = KEYS[timers + 1] }
  end
  local flat = redis.pcall('HGETALL', KEYS[key])
  local user = not flat.err and user_of(KEYS[key], id, flat)
  if user then
    find_ended(user, declared, now, grace_began)
    user.since = since and digits(since)
    user.lag = since and digits(math.max(now - since, 0)) or ''
    users[#users + 1] = user
  else
    answer[#answer + 1] = id
    due(id, now + put_off)
  end
  key, argument = key + 1 + 2 * sessions, argument + 3 + 4 * sessions
end

local change = begin_change(shard, now)
for _, user in ipairs(users) do
  for _, session in ipairs(user.ended) do
    local device, reason = session.device, session.is_online and session.reason or 'Expired'
    settled[#settled + 1] = platform_of(device) .. ' ' .. reason .. ' ' .. user.lag
    if not session.is_online then
      write_logout(change, user, device, 'Expired', user.since)
    elseif write_lost(change, user, device, session.push_key, session.push, reason, user.since) == 'PushOnline' then
      user.earliest = math.min(user.earliest, now + session.push)
    end
  end
  if #user.ended > 0 then write_user(change, user, retention) end
  if user.earliest < math.huge then due(user.id, user.earliest)
  elseif #user.ended == 0 then table.insert(change.gone, user.id) end
end
if #deadlines > 0 then redis.call('ZADD', shard.deadlines, unpack(deadlines)) end
table.insert(answer, 2, table.concat(settled, ','))
write_change(change)
return answer
