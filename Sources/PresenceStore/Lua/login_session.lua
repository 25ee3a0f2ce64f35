#!lua
-- Logs a session in: ends what the policy does not allow beside it, records it and queues one event.
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash)
-- KEYS 6 lease of the new session (string) 7 revoked (string) 8.. lease and push of each declared session (string)
-- ARGV 1 user id 2 operation, the new generation 3 device 4 heartbeat timeout (ms) 5 details (record text)
-- ARGV 6 excluded platforms (list) 7 sharing platforms (list) 8 instance limit (sessions)
-- ARGV 9 on limit (kick, reject, or yield: reject, also for an Online session of another client on the same device)
-- ARGV 10 backlog cap (events) 11 issue time of the usersig (ms, empty for none) 12.. declared sessions
-- Returns accepted version userStatus displaced.. | stale session.. | rejected session.. | revoked | late | full
-- Emits Login/Register
-- Tells displaced
-- A session to be removed must be declared: otherwise `stale` names all it may have to remove, before any write.
local operation, device, timeout = ARGV[2], ARGV[3], tonumber(ARGV[4])
local excluded, sharing, limit = set_of(ARGV[6]), set_of(ARGV[7]), tonumber(ARGV[8])
local user = read_user(ARGV[1])
local remembered = recall(user, operation)
if remembered then return { 'accepted', unpack(remembered) } end
if ARGV[11] ~= '' and tonumber(ARGV[11]) <= tonumber(redis.call('GET', KEYS[7]) or -1) then return { 'revoked' } end
if is_late(user, device, ARGV[5]) then return { 'late' } end

local own, displaced, sharers, in_reach, kicked = user.sessions[device], {}, {}, {}, {}
for other, record in pairs(user.sessions) do
  local platform = platform_of(other)
  local group = excluded[platform] and displaced or sharing[platform] and sharers
  if group and other ~= device then group[#group + 1] = other end
  if group or other == device then in_reach[#in_reach + 1] = name_of(other, record) end
end
sort_by_login(sharers, user.sessions)
for i = 1, #sharers + 1 - limit do displaced[#displaced + 1] = sharers[i] end
sort_by_login(displaced, user.sessions)
for i, other in ipairs(displaced) do kicked[i] = name_of(other, user.sessions[other]) end
if ARGV[9] == 'yield' and own and field(own, 'status') == 'Online' and client_of(own) ~= client_of(ARGV[5]) then
  kicked[#kicked + 1] = name_of(device, own)
end
if ARGV[9] ~= 'kick' and #kicked > 0 then return { 'rejected', unpack(kicked) } end
if tonumber(redis.call('HGET', KEYS[5], 'backlog') or 0) >= tonumber(ARGV[10]) then return { 'full' } end

local ending = own and { name_of(device, own), unpack(kicked) } or kicked
local declared = declared_sessions(12, 8)
for _, session in ipairs(ending) do
  if not declared[session] then return { 'stale', unpack(in_reach) } end
end

local now = now_ms()
for _, session in ipairs(ending) do redis.call('DEL', declared[session].lease, declared[session].push) end
for _, other in ipairs(displaced) do write_session(user, other, nil) end
local login = next_version(user, now)
local record = string.format('status=Online generation=%s login=%s changed=%s %s', operation, login, now, ARGV[5])
write_session(user, device, record)
redis.call('SET', KEYS[6], '1', 'PX', timeout)
redis.call('ZADD', KEYS[2], 'LT', now + timeout, user.id)
local more = address_of(record)
if #kicked > 0 then more[#more + 1], more[#more + 2] = 'kicked', table.concat(kicked, ',') end
write_event(user, operation, 'Login', 'Register', device .. ':' .. operation, 'Online', now, more)
-- One lost before is not ended by this login: its client may be the one that logs in here.
local replaced = own and field(own, 'status') == 'Online' and name_of(device, own)
write_recent(user, operation, kicked, now, replaced, field(record, 'attempt'))
local status = write_end(user, 0)
tell(user.former, 'displaced ' .. device .. ':' .. operation)
return { 'accepted', tostring(user.version), status, unpack(kicked) }
