#!lua flags=allow-oom
-- The connection of an Online session was closed: PushOnline where the platform has push, else Offline.
-- Uses time record user change ends recent
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash) 6 recent (hash)
-- KEYS 7 lease (string) 8 push (string)
-- ARGV 1 user id 2 device 3 generation 4 offline retention (ms) 5 how long the end is remembered (ms)
-- ARGV 6 push retention (ms, 0 for none) 7 worker and link of the socket (record text, empty for any)
-- ARGV 8 request and 9 traceparent of the call (may be empty)
-- Returns changed status userStatus version notices | unchanged .. | superseded .. | absent .. | unreadable device
-- Emits Disconnect/LinkClose
-- Tells gone
local user_key, shard = KEYS[1], { deadlines = KEYS[2], events = KEYS[3], counts = KEYS[4], cursor = KEYS[5] }
local recent_key, lease, push_key = KEYS[6], KEYS[7], KEYS[8]
local id, device, generation, retention, ended_ms, push, socket, request, traceparent = unpack(ARGV)
local user, broken = read_user(user_key, id)
if not user then return { 'unreadable', broken } end
local record = user.sessions[device]
if not record then return { 'absent', 'Offline', user.status, user.version } end
if field(record, 'generation') ~= generation then
  return { 'superseded', 'Offline', user.status, user.version }
end
local status = field(record, 'status')
if socket ~= '' and not same_socket(record, socket) then
  return { 'superseded', status, user.status, user.version }
end
if status ~= 'Online' then return { 'unchanged', status, user.status, user.version } end

local now = now_ms()
local change = begin_change(shard, now, request, traceparent)
redis.call('DEL', lease)
status = write_lost(change, user, device, push_key, tonumber(push), 'LinkClose')
if status == 'PushOnline' then
  redis.call('ZADD', shard.deadlines, 'LT', now + push, id)
else
  write_ended(read_recent(recent_key, now), now, device, record, tonumber(ended_ms))
end
local user_status = write_user(change, user, retention)
write_change(change)
-- A worker that names its socket has closed it itself.
if socket == '' then tell(change, record, 'gone') end
return { 'changed', status, user_status, user.version, change.notices }
