#!lua flags=allow-oom
-- The connection of an Online session was closed: PushOnline where the platform has push, else Offline.
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash)
-- KEYS 6 lease (string) 7 push (string)
-- ARGV 1 user id 2 operation 3 device 4 generation 5 push retention (ms, 0 for none)
-- ARGV 6 worker and link of the socket (record text, empty for any) 7 offline retention (ms)
-- Returns changed status userStatus version | unchanged .. | superseded .. | absent ..
-- Emits Disconnect/LinkClose
-- Tells gone
local device, push = ARGV[3], tonumber(ARGV[5])
local user = read_user(ARGV[1])
local record = user.sessions[device]
if not record then return { 'absent', 'Offline', user.status, tostring(user.version) } end
if field(record, 'generation') ~= ARGV[4] then
  return { 'superseded', 'Offline', user.status, tostring(user.version) }
end
local status = field(record, 'status')
if ARGV[6] ~= '' and not same_socket(record, ARGV[6]) then
  return { 'superseded', status, user.status, tostring(user.version) }
end
if status ~= 'Online' then return { 'unchanged', status, user.status, tostring(user.version) } end

local keys = { lease = KEYS[6], push = KEYS[7] }
status = write_lost(user, device, keys, push, 'LinkClose', ARGV[2], now_ms())
local userStatus = write_end(user, ARGV[7])
-- A worker that names its socket has closed it itself.
if ARGV[6] == '' then tell(user.former, 'gone') end
return { 'changed', status, userStatus, tostring(user.version) }
