#!lua flags=no-writes
-- How users of a shard stand at one moment: what is read of them piece by piece need not belong together.
-- Uses time record user
-- KEYS 1 deadlines (zset) 2.. per user: the user (hash), then lease and push of each session asked about (string)
-- ARGV 1.. per user: id, number of sessions, their names
-- Returns seen now user.. (`unreadable`; or `whole`, `changed` where it has a session not asked about, with the
-- deadline, the ms left of the record, and of each session `<status>/<ms left of its lease>/<of its push>`)
local deadlines = KEYS[1]
local answer = { 'seen', digits(now_ms()) }
local key, argument = 2, 1
while argument <= #ARGV do
  local id, asked = ARGV[argument], tonumber(ARGV[argument + 1])
  local flat = redis.pcall('HGETALL', KEYS[key])
  local user = not flat.err and user_of(KEYS[key], id, flat)
  if user then
    local statuses = {}
    for device, record in pairs(user.sessions) do
      statuses[name_of(device, record)] = field(record, 'status')
    end
    local parts = { redis.call('ZSCORE', deadlines, id) or '-', redis.call('PTTL', KEYS[key]) }
    for i = 1, asked do
      local name, lease = ARGV[argument + 1 + i], key + 2 * i - 1
      local left, push_left = redis.call('PTTL', KEYS[lease]), redis.call('PTTL', KEYS[lease + 1])
      parts[#parts + 1] = (statuses[name] or 'absent') .. '/' .. left .. '/' .. push_left
      statuses[name] = nil
    end
    answer[#answer + 1] = (next(statuses) and 'changed ' or 'whole ') .. table.concat(parts, ' ')
  else
    answer[#answer + 1] = 'unreadable'
  end
  key, argument = key + 1 + 2 * asked, argument + 2 + asked
end
return answer
