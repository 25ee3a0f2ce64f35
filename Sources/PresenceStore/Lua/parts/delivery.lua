-- What became of events. How many attempts one took is kept only where the first was not enough.

-- Notes kept of one shard: of the events delivered last.
local attempts_most = 1000

-- An event's own id, from its fields; nothing where it is none of ours.
local function id_of(fields)
  local version, generation
  for i = 1, #fields, 2 do
    if fields[i] == 'version' then version = fields[i + 1] end
    if fields[i] == 'session' then generation = string.match(fields[i + 1], '(%w+)$') end
  end
  return version and generation and generation .. '-' .. version
end

-- Among the fields of an event set aside, or dead: the attempts it has had, and where they stand, or would.
local function attempts_of(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'attempts' then return tonumber(fields[i + 1]) or 0, i end
  end
  return 0, #fields + 1
end

-- More attempts at an event that is set aside or dead; they stand behind its other fields.
local function add_attempts(fields, more)
  local attempts, at = attempts_of(fields)
  if attempts + more > 0 then
    fields[at], fields[at + 1] = 'attempts', string.format('%d', attempts + more)
  end
end

-- Notes how many attempts a delivered event took, 0 for one that was dropped, for as long as delivered events are kept
-- (retention, ms); with all its fields where it was set aside, as its first position tells: the log may keep it no
-- more. A hint for people: a key that holds something else goes, and stops no delivery.
local function note_attempts(key, fields, attempts, retention)
  local id, was_aside = id_of(fields), fields[1] == 'position'
  if not id or attempts == 1 and not was_aside then return end
  local event = was_aside and fields or {}
  local noted = redis.pcall('XADD', key, 'MAXLEN', attempts_most, '*', 'event', id, 'attempts', attempts, unpack(event))
  if type(noted) == 'table' then redis.call('DEL', key) else redis.call('PEXPIRE', key, retention) end
end
