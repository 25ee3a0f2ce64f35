#!lua flags=allow-oom
-- The user logged out on a device: Offline, whatever the platform.
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash)
-- KEYS 6 lease (string) 7 push (string)
-- ARGV 1 user id 2 operation 3 device 4 generation 5 offline retention (ms)
-- Returns changed status userStatus version | superseded .. | absent ..
-- Emits Logout/Unregister
-- Tells logout
local device = ARGV[3]
local user = read_user(ARGV[1])
local record = user.sessions[device]
if not record then return { 'absent', 'Offline', user.status, tostring(user.version) } end
if field(record, 'generation') ~= ARGV[4] then
  return { 'superseded', 'Offline', user.status, tostring(user.version) }
end

write_logout(user, device, { lease = KEYS[6], push = KEYS[7] }, 'Unregister', ARGV[2], now_ms())
local status = write_end(user, ARGV[5])
tell(user.former, 'logout')
return { 'changed', 'Offline', status, tostring(user.version) }
