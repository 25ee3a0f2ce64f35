#!lua flags=allow-oom
-- Ends the user's sessions on a platform, of an instance, or all of them; may revoke the usersigs issued so far.
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash)
-- KEYS 6 revoked (string) 7.. lease and push of each declared session (string)
-- ARGV 1 user id 2 operation 3 platform (empty for all) 4 instance (empty for all) 5 note (may be empty)
-- ARGV 6 offline retention (ms) 7 how long the revocation counts (ms, 0 to revoke nothing) 8.. declared sessions
-- Returns kicked version userStatus session.. | stale session..
-- Emits Logout/Kicked
-- Tells kicked
-- A session to be removed must be declared: otherwise `stale` names those to remove, before any write.
local platform, instance = ARGV[3], ARGV[4]
local user = read_user(ARGV[1])
local remembered = recall(user, ARGV[2])
if remembered then return { 'kicked', unpack(remembered) } end

local devices, sessions = {}, {}
for device in pairs(user.sessions) do
  local own, its = string.match(device, '^(%w+):(.+)$')
  if (platform == '' or own == platform) and (instance == '' or its == instance) then devices[#devices + 1] = device end
end
table.sort(devices)
local declared, undeclared = declared_sessions(8, 7), false
for i, device in ipairs(devices) do
  sessions[i] = name_of(device, user.sessions[device])
  undeclared = undeclared or not declared[sessions[i]]
end
if undeclared then return { 'stale', unpack(sessions) } end

local now = now_ms()
if tonumber(ARGV[7]) > 0 then redis.call('SET', KEYS[6], now, 'PX', ARGV[7]) end
if #devices == 0 then return { 'kicked', tostring(user.version), user.status } end
for i, device in ipairs(devices) do
  local more = address_of(user.sessions[device])
  if ARGV[5] ~= '' then
    more[#more + 1] = 'note'
    more[#more + 1] = ARGV[5]
  end
  write_logout(user, device, declared[sessions[i]], 'Kicked', ARGV[2] .. '-' .. i, now, more)
end
write_recent(user, ARGV[2], sessions, now)
local status = write_end(user, ARGV[6])
tell(user.former, 'kicked ' .. ARGV[5])
return { 'kicked', tostring(user.version), status, unpack(sessions) }
