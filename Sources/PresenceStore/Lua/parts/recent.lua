-- What a user's record tells no more and somebody may still ask for: a hash with a TTL and the fields
--   done:<operation>     until=<ms> version=<n> status=<word> sessions=<list>   what a login or kick answered
--   ended:<generation>   until=<ms> login=<n> device=<device> by=<session> attempt=<client.number>
-- `by` is there where somebody ended the session: the session that displaced it, nothing behind it for a kick.
-- Uses record

-- Entries kept of one user. Of more the least worth is forgotten first, and of equal worth what ends first.
local recent_most = 128

-- The worth of an entry: 1 which attempt a client was at, 2 what a login of its own device ended, which its record or a
-- later entry tells too, 3 what another device displaced, 4 kicks and answers.
local function worth_of(name, entry)
  if string.sub(name, 1, 5) == 'done:' then return 4 end
  local by = field(entry, 'by')
  if not by then return 1 end
  if by == '' then return 4 end
  local device = field(entry, 'device')
  return string.sub(by, 1, #device + 1) == device .. ':' and 2 or 3
end

-- What is none of ours counts as nothing. `number` is that of the entries, `last` when the last of them ends (ms).
local function read_recent(key, now)
  local recent, flat = { key = key, entries = {}, number = 0, past = {}, last = 0 }, redis.pcall('HGETALL', key)
  recent.is_broken = flat.err ~= nil
  for i = 1, #flat, 2 do
    local ends = tonumber(field(flat[i + 1], 'until')) or 0
    if ends > now then
      recent.entries[flat[i]] = flat[i + 1]
      recent.number, recent.last = recent.number + 1, math.max(recent.last, ends)
    else
      table.insert(recent.past, flat[i])
    end
  end
  return recent
end

local function forget_one(recent)
  local least, least_worth, least_at = nil, math.huge, math.huge
  for name, entry in pairs(recent.entries) do
    local worth, at = worth_of(name, entry), tonumber(field(entry, 'until'))
    if worth < least_worth or worth == least_worth and at < least_at then
      least, least_worth, least_at = name, worth, at
    end
  end
  redis.call('HDEL', recent.key, least)
  recent.entries[least], recent.number = nil, recent.number - 1
end

local function write_recent(recent, now, name, ms, text)
  if recent.is_broken then
    redis.call('DEL', recent.key)
    recent.is_broken = false
  end
  if #recent.past > 0 then
    redis.call('HDEL', recent.key, unpack(recent.past))
    recent.past = {}
  end
  if not recent.entries[name] then recent.number = recent.number + 1 end
  recent.entries[name] = 'until=' .. digits(now + ms) .. ' ' .. text
  recent.last = math.max(recent.last, now + ms)
  redis.call('HSET', recent.key, name, recent.entries[name])
  if recent.number > recent_most then forget_one(recent) end
  redis.call('PEXPIRE', recent.key, digits(recent.last - now))
end

-- Remembers what an operation answered.
local function write_done(recent, now, operation, ms, version, status, sessions)
  write_recent(recent, now, 'done:' .. operation, ms,
    'version=' .. version .. ' status=' .. status .. ' sessions=' .. table.concat(sessions, ','))
end

-- What it answered, as a list; nothing if it is not remembered.
local function recall_done(recent, operation)
  local entry = recent.entries['done:' .. operation]
  if not entry then return nil end
  local answer = { field(entry, 'version'), field(entry, 'status') }
  for session in string.gmatch(field(entry, 'sessions'), '[^,]+') do table.insert(answer, session) end
  return answer
end

-- Remembers a session that is over. Nothing has to be remembered of one that nobody ended and whose client did not say
-- which of its attempts it was.
local function write_ended(recent, now, device, record, ms, by)
  local attempt = field(record, 'attempt')
  if not by and not attempt then return end
  write_recent(recent, now, 'ended:' .. field(record, 'generation'), ms,
    'login=' .. field(record, 'login') .. ' device=' .. device .. (by and ' by=' .. by or '')
      .. (attempt and ' attempt=' .. attempt or ''))
end

-- Which session ended this one: its name, empty if it is over too or it was a kick; nothing if nobody is known to have.
local function ended_by(recent, generation, sessions)
  local entry = recent.entries['ended:' .. generation]
  local by = entry and field(entry, 'by')
  if not by then return nil end
  for device, record in pairs(sessions) do
    if name_of(device, record) == by then return by end
  end
  return ''
end

-- Whether the client that told these details has been here since with a later attempt on this device.
local function is_late(recent, record, details)
  local client, number = attempt_of(details)
  if not client then return false end
  local function is_later(other)
    local its_client, its_number = attempt_of(other)
    return its_client == client and its_number > number
  end
  if record and is_later(record) then return true end
  for _, entry in pairs(recent.entries) do
    if is_later(entry) then return true end
  end
  return false
end
