#!lua flags=allow-oom
-- A client came back for its session: it goes on through the new socket, without an event, if its record still
-- says Online. Else the answer tells whether somebody ended it or it was lost.
-- Uses time record user change recent
-- KEYS 1 user (hash) 2 deadlines (zset) 3 recent (hash) 4 lease (string) 5 revoked (string)
-- ARGV 1 user id 2 device 3 generation 4 heartbeat timeout (ms) 5 details (record text)
-- ARGV 6 issue time of the usersig (ms, empty for none)
-- Returns resumed version notices | ended session (empty where none that lives did it) | gone | late | revoked
-- Returns unreadable device
-- Tells moved
local user_key, deadlines, recent_key, lease, revoked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, device, generation, timeout, details, issued_at = unpack(ARGV)
if issued_at ~= '' and tonumber(issued_at) <= tonumber(redis.call('GET', revoked) or -1) then return { 'revoked' } end
local now = now_ms()
local user, broken = read_user(user_key, id)
if not user then return { 'unreadable', broken } end
local recent, record = read_recent(recent_key, now), user.sessions[device]
if is_late(recent, record, details) then return { 'late' } end
if not record or field(record, 'generation') ~= generation then
  local by = ended_by(recent, generation, user.sessions)
  if by then return { 'ended', by } end
  return { 'gone' }
end
if field(record, 'status') ~= 'Online' then return { 'gone' } end

local change = begin_change(nil, now)
local login, changed = field(record, 'login'), field(record, 'changed')
-- The record last: where the server refuses one of these, what was done before only lets the session live.
redis.call('ZADD', deadlines, 'LT', now + timeout, id)
redis.call('SET', lease, '1', 'PX', timeout)
redis.call('HSET', user_key, device, 'status=Online generation=' .. generation .. ' login=' .. login
  .. (changed and ' changed=' .. changed or '') .. ' ' .. details)
if not same_socket(record, details) then tell(change, record, 'moved') end
return { 'resumed', user.version, change.notices }
