#!lua flags=no-writes
-- Names users of a shard in the order of their deadlines, those of one deadline by their bytes, from behind a place
-- where nobody need stand any more. Users are percent-encoded but for plain ASCII: what was put there by hand need not
-- be UTF-8.
-- Uses stream
-- KEYS 1 deadlines (zset) 2 owner (hash) 3 events (stream)
-- ARGV 1 deadline (ms) and 2 user of the place (both empty for the beginning) 3 most users
-- Returns page lowered position user deadline.. (when deadlines were, ms, empty for never; of the last event)
local deadlines, owner, events = KEYS[1], KEYS[2], KEYS[3]
local at, encoded, users_most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local user = string.gsub(encoded, '%%(%x%x)', function(byte) return string.char(tonumber(byte, 16)) end)

-- Whether one is behind the other as sorted sets order members. Lua compares texts by the server's language.
local function is_behind(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return a > b end
  end
  return #one > #other
end

local first, last = 0, at and redis.call('ZCARD', deadlines) or 0
while first < last do
  local middle = math.floor((first + last) / 2)
  local found = redis.call('ZRANGE', deadlines, middle, middle, 'WITHSCORES')
  local score = tonumber(found[2])
  if score > at or score == at and is_behind(found[1], user) then last = middle else first = middle + 1 end
end
local lowered = redis.call('HGET', owner, 'lowered') or ''
local page = redis.call('ZRANGE', deadlines, first, first + users_most - 1, 'WITHSCORES')
for i = 1, #page, 2 do
  page[i] = string.gsub(page[i], '[^!-$&-~]', function(byte) return string.format('%%%02X', string.byte(byte)) end)
end
return { 'page', lowered, last_of(events), unpack(page) }
