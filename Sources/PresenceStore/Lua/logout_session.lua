#!lua flags=allow-oom
-- The user logged out on a device: Offline, whatever the platform.
-- Uses time record user change ends recent
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash) 6 recent (hash)
-- KEYS 7 lease (string) 8 push (string)
-- ARGV 1 user id 2 device 3 generation 4 offline retention (ms) 5 how long the end is remembered (ms)
-- ARGV 6 request and 7 traceparent of the call (may be empty)
-- Returns changed status userStatus version notices | superseded .. | absent .. | unreadable device
-- Emits Logout/Unregister
-- Tells logout
local user_key, shard = KEYS[1], { deadlines = KEYS[2], events = KEYS[3], counts = KEYS[4], cursor = KEYS[5] }
local recent_key, lease, push_key = KEYS[6], KEYS[7], KEYS[8]
local id, device, generation, retention, ended_ms, request, traceparent = unpack(ARGV)
local user, broken = read_user(user_key, id)
if not user then return { 'unreadable', broken } end
local record = user.sessions[device]
if not record then return { 'absent', 'Offline', user.status, user.version } end
if field(record, 'generation') ~= generation then
  return { 'superseded', 'Offline', user.status, user.version }
end

local now = now_ms()
local change, recent = begin_change(shard, now, request, traceparent), read_recent(recent_key, now)
redis.call('DEL', lease, push_key)
write_ended(recent, now, device, record, tonumber(ended_ms))
write_logout(change, user, device, 'Unregister')
local status = write_user(change, user, retention)
write_change(change)
tell(change, record, 'logout')
return { 'changed', 'Offline', status, user.version, change.notices }
