#!lua flags=allow-oom
-- Ends the user's sessions on a platform, of an instance, or all of them; may revoke the usersigs issued so far.
-- Uses time record user change ends recent
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash) 6 recent (hash)
-- KEYS 7 revoked (string) 8.. lease and push of each declared session (string)
-- ARGV 1 user id 2 operation 3 platform (empty for all) 4 instance (empty for all) 5 note (may be empty)
-- ARGV 6 offline retention (ms) 7 how long the revocation counts (ms, 0 to revoke nothing)
-- ARGV 8 how long its answer is remembered (ms) 9 how long whom it ends (ms)
-- ARGV 10 request and 11 traceparent of the call (may be empty) 12.. declared sessions
-- Returns kicked version userStatus notices session.. | stale | unreadable device
-- Emits Logout/Kicked
-- Tells kicked
-- A session to be removed must be declared: otherwise it is `stale`, before any write.
local user_key, shard = KEYS[1], { deadlines = KEYS[2], events = KEYS[3], counts = KEYS[4], cursor = KEYS[5] }
local recent_key, revoked, declared = KEYS[6], KEYS[7], declared_sessions(12, 8)
local id, operation, platform, instance, note = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local retention, revoked_ms, done_ms, ended_ms = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local request, traceparent, now = ARGV[10], ARGV[11], now_ms()
local user, broken = read_user(user_key, id)
if not user then return { 'unreadable', broken } end
local recent = read_recent(recent_key, now)
local answered = recall_done(recent, operation)
if answered then return { 'kicked', unpack(answered) } end

local devices, sessions = {}, {}
for device in pairs(user.sessions) do
  local own, its = string.match(device, '^(%w+):(.+)$')
  if (platform == '' or own == platform) and (instance == '' or its == instance) then table.insert(devices, device) end
end
table.sort(devices)
for i, device in ipairs(devices) do
  sessions[i] = name_of(device, user.sessions[device])
  if not declared[sessions[i]] then return { 'stale' } end
end

local change = begin_change(shard, now, request, traceparent)
if revoked_ms > 0 then redis.call('SET', revoked, now, 'PX', revoked_ms) end
for i, device in ipairs(devices) do
  local record = user.sessions[device]
  redis.call('DEL', declared[sessions[i]].lease, declared[sessions[i]].push)
  tell(change, record, 'kicked ' .. note)
  write_ended(recent, now, device, record, ended_ms, '')
  write_logout(change, user, device, 'Kicked', note)
end
local status = #devices > 0 and write_user(change, user, retention) or user.status
write_change(change)
write_done(recent, now, operation, done_ms, user.version, status, sessions)
return { 'kicked', user.version, status, change.notices, unpack(sessions) }
