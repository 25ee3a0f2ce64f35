#!lua
-- Logs a session in: ends what the policy does not allow beside it, records it and queues one event.
-- Uses time record user policy change recent
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash) 6 recent (hash)
-- KEYS 7 lease of the new session (string) 8 revoked (string) 9.. lease and push of each declared session (string)
-- ARGV 1 user id 2 generation 3 device 4 heartbeat timeout (ms) 5 details (record text)
-- ARGV 6 excluded platforms (list) 7 sharing platforms (list) 8 instance limit (sessions)
-- ARGV 9 on limit (kick, reject, or yield: reject, also for an Online session of another client on the same device)
-- ARGV 10 backlog cap (events) 11 issue time of the usersig (ms, empty for none)
-- ARGV 12 how long its answer is remembered (ms) 13 how long whom it ends (ms)
-- ARGV 14 request and 15 traceparent of the call (may be empty) 16.. declared sessions
-- Returns accepted version userStatus notices displaced.. | stale | rejected session.. | revoked | late
-- Returns full | unreadable device
-- Emits Login/Register
-- Tells displaced
-- A session to be removed must be declared: otherwise it is `stale`, before any write.
local user_key, shard = KEYS[1], { deadlines = KEYS[2], events = KEYS[3], counts = KEYS[4], cursor = KEYS[5] }
local recent_key, lease, revoked, declared = KEYS[6], KEYS[7], KEYS[8], declared_sessions(16, 9)
local id, generation, device, timeout, details = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local rule, on_limit = { excluded = ARGV[6], sharing = ARGV[7], limit = tonumber(ARGV[8]) }, ARGV[9]
local backlog_most, issued_at, done_ms, ended_ms = tonumber(ARGV[10]), ARGV[11], tonumber(ARGV[12]), tonumber(ARGV[13])
local request, traceparent, now = ARGV[14], ARGV[15], now_ms()
local user, broken = read_user(user_key, id)
if not user then return { 'unreadable', broken } end
local recent, own = read_recent(recent_key, now), user.sessions[device]
local own_is_online = own and field(own, 'status') == 'Online'

-- A repeat: this login is in, or was.
local before = own and field(own, 'generation') == generation and own or recent.entries['ended:' .. generation]
if before then
  return { 'accepted', unpack(recall_done(recent, generation) or { field(before, 'login'), 'Online' }) }
end
if issued_at ~= '' and tonumber(issued_at) <= tonumber(redis.call('GET', revoked) or -1) then return { 'revoked' } end
if is_late(recent, own, details) then return { 'late' } end

-- Who has to go, and whether it may be let in.
local displaced, kicked = displaced_by(user, device, rule)
if on_limit == 'yield' and own_is_online and attempt_of(own) ~= attempt_of(details) then
  table.insert(kicked, name_of(device, own))
end
if on_limit ~= 'kick' and #kicked > 0 then return { 'rejected', unpack(kicked) } end
local backlog = redis.pcall('HGET', shard.cursor, 'backlog')
if type(backlog) == 'string' and (tonumber(backlog) or 0) >= backlog_most then return { 'full' } end
local ending = own and { name_of(device, own), unpack(kicked) } or kicked
for _, session in ipairs(ending) do
  if not declared[session] then return { 'stale' } end
end

-- It is. One of the same device that was lost before is not ended by it: its client may be the one that logs in here.
local change, session = begin_change(shard, now, request, traceparent), device .. ':' .. generation
local version = next_version(change, user)
for _, other in ipairs(ending) do redis.call('DEL', declared[other].lease, declared[other].push) end
if own_is_online then displaced[#displaced + 1] = device end
for _, other in ipairs(displaced) do
  local record = user.sessions[other]
  tell(change, record, 'displaced ' .. session)
  write_ended(recent, now, other, record, ended_ms, session)
  if other ~= device then write_session(change, user, other, nil) end
end
write_session(change, user, device, 'status=Online generation=' .. generation .. ' login=' .. version .. ' ' .. details)
redis.call('SET', lease, '1', 'PX', timeout)
redis.call('ZADD', shard.deadlines, 'LT', now + timeout, id)
write_event(
  change, user, 'Login', 'Register', session, 'Online', field(details, 'address'), table.concat(kicked, ','))
if #kicked > 0 then write_done(recent, now, generation, done_ms, version, 'Online', kicked) end
local status = write_user(change, user, 0)
write_change(change)
return { 'accepted', version, status, change.notices, unpack(kicked) }
