#!lua flags=no-writes
-- How a shard stands at one moment, as names and values. What has another type than it must is named, and told nothing
-- more of.
-- Uses time stream record
-- KEYS 1 owner (hash) 2 cursor (hash) 3 events (stream) 4 aside (stream) 5 dead (stream) 6 deadlines (zset)
-- KEYS 7 counts (hash) 8 grace (string)
-- ARGV 1 most waiting events to count
-- Returns seen name value.. (numbers, times in ms, positions)
local owner, cursor, events, aside, dead, deadlines, counts, grace = unpack(KEYS)
local most = ARGV[1]
local answer = { 'seen', 'now', digits(now_ms()) }
local function add(name, value)
  if not value then return end
  answer[#answer + 1] = name
  answer[#answer + 1] = tostring(value)
end
local kinds = { [owner] = 'hash', [cursor] = 'hash', [events] = 'stream', [aside] = 'stream', [dead] = 'stream',
  [deadlines] = 'zset', [counts] = 'hash', [grace] = 'string' }
local function is_whole(key)
  local found = redis.call('TYPE', key).ok
  return found == 'none' or found == kinds[key]
end
for key in pairs(kinds) do
  if not is_whole(key) then add('broken', key) end
end

if is_whole(owner) then
  local fields = { 'worker', 'until', 'swept', 'rules' }
  local owned = redis.call('HMGET', owner, unpack(fields))
  for i, name in ipairs(fields) do add(name, owned[i]) end
end
if is_whole(cursor) and is_whole(events) then
  local position = redis.call('HGET', cursor, 'id') or '0-0'
  local is_position = string.match(position, '^%d+%-%d+$')
  if not is_position or before(last_of(events), position) then add('beyond', position)
  else
    local waiting = redis.call('XRANGE', events, '(' .. position, '+', 'COUNT', most)
    add('waiting', #waiting)
    add('first', waiting[1] and waiting[1][1])
  end
  add('backlog', redis.call('HGET', cursor, 'backlog'))
  add('dropped', redis.call('HGET', cursor, 'dropped'))
end
if is_whole(aside) then add('aside', redis.call('XLEN', aside)) end
if is_whole(dead) then add('dead', redis.call('XLEN', dead)) end
if is_whole(deadlines) then add('due', redis.call('ZRANGE', deadlines, 0, 0, 'WITHSCORES')[2]) end
if is_whole(grace) then add('grace', redis.call('GET', grace)) end
return answer
