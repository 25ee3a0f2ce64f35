#!lua flags=allow-oom
-- Settles what a user's timers have ended, and re-arms the user's deadline to the earliest that is left.
-- KEYS 1 user (hash) 2 deadlines (zset) 3 events (stream) 4 counts (hash) 5 cursor (hash)
-- KEYS 6 sweep (string) 7 grace (string) 8.. lease and push of each declared session (string)
-- ARGV 1 user id 2 operation 3 outage gap (ms) 4 offline retention (ms)
-- ARGV 5.. per declared session: name, push retention (ms, 0 for none), reason of silence
-- Returns settled count | unswept
-- Emits Disconnect/TimeOut | Disconnect/LinkClose | Logout/Expired
-- A lease that ended while nobody swept says nothing about its client: until a sweep has seen the gap
-- (and given grace, if it was an outage) nothing is settled. Grace is for who was Online when it began.
local now = now_ms()
local swept = tonumber(redis.call('GET', KEYS[6]) or 0)
local grace, graced_at = redis.call('PTTL', KEYS[7]), tonumber(redis.call('GET', KEYS[7]) or 0)
if now - swept > tonumber(ARGV[3]) then return { 'unswept' } end

local user = read_user(ARGV[1])
local settled, earliest, unseen = 0, math.huge, {}
for device, record in pairs(user.sessions) do unseen[name_of(device, record)] = true end
for i = 5, #ARGV, 3 do
  local session, at = ARGV[i], 8 + 2 * (i - 5) / 3
  local keys = { lease = KEYS[at], push = KEYS[at + 1] }
  local device = string.match(session, '^(.+):%w+$')
  if unseen[session] then
    unseen[session] = nil
    local online = field(user.sessions[device], 'status') == 'Online'
    local left = redis.call('PTTL', online and keys.lease or keys.push)
    if left >= 0 then
      earliest = math.min(earliest, now + left)
    elseif online and grace > 0 and tonumber(field(user.sessions[device], 'changed')) <= graced_at then
      earliest = math.min(earliest, now + grace)
    else
      settled = settled + 1
      local event, push = ARGV[2] .. '-' .. settled, tonumber(ARGV[i + 1])
      if not online then
        write_logout(user, device, keys, 'Expired', event, now)
      elseif write_lost(user, device, keys, push, ARGV[i + 2], event, now) == 'PushOnline' then
        earliest = math.min(earliest, now + push)
      end
    end
  end
end
if next(unseen) then earliest = now end
if settled > 0 then write_end(user, ARGV[4]) end
if earliest < math.huge then
  redis.call('ZADD', KEYS[2], earliest, user.id)
else
  redis.call('ZREM', KEYS[2], user.id)
end
return { 'settled', tostring(settled) }
