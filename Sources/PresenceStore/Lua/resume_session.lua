#!lua flags=allow-oom
-- A client came back for its session: it goes on through the new socket, without an event, if its record still
-- says Online. Else the answer tells whether somebody ended it or it was lost.
-- KEYS 1 user (hash) 2 deadlines (zset) 3 lease (string) 4 revoked (string)
-- ARGV 1 user id 2 device 3 generation 4 heartbeat timeout (ms) 5 details (record text)
-- ARGV 6 issue time of the usersig (ms, empty for none)
-- Returns resumed version | ended session (empty where none that lives did it) | gone | late | revoked
-- Tells moved
local device, generation = ARGV[2], ARGV[3]
local revoked = tonumber(redis.call('GET', KEYS[4]) or -1)
if ARGV[6] ~= '' and tonumber(ARGV[6]) <= revoked then return { 'revoked' } end
local user = read_user(ARGV[1])
local record = user.sessions[device]
if is_late(user, device, ARGV[5]) then return { 'late' } end
if not record or field(record, 'generation') ~= generation then
  local by = ended_by(user, device .. ':' .. generation)
  if by then return { 'ended', by } end
  return { 'gone' }
end
if field(record, 'status') ~= 'Online' then return { 'gone' } end

local kept = string.match(record, '^status=%S+ generation=%S+ login=%S+ changed=%S+ ')
redis.call('HSET', KEYS[1], device, kept .. ARGV[5])
redis.call('SET', KEYS[3], '1', 'PX', ARGV[4])
redis.call('ZADD', KEYS[2], 'LT', now_ms() + ARGV[4], user.id)
if not same_socket(record, ARGV[5]) then tell({ record }, 'moved') end
return { 'resumed', tostring(user.version) }
