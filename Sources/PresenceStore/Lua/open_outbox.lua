#!lua flags=allow-oom
-- Says where delivery of a shard stands, and mends what was damaged by hand, so that it refuses nobody a login for
-- good. A key of another type holds nothing of ours and goes. A cursor behind which the stream ends was that of another
-- stream: all that is there counts as undelivered. The backlog is counted as far as it is short, else kept in bounds.
-- Writes nothing where all is well.
-- Uses time owner stream
-- KEYS 1 owner (hash) 2 cursor (hash) 3 events (stream) 4 aside (stream) 5 dead (stream) 6 deadlines (zset)
-- KEYS 7 counts (hash)
-- ARGV 1 worker 2 fence 3 most events to count
-- Returns open position now mended field.. (of the event at the position, if it is there) | lost
local owner, cursor, events, aside, dead, deadlines, counts = unpack(KEYS)
local worker, fence, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
if not is_owner(owner, worker, fence) then return { 'lost' } end
local now, mended = now_ms(), 0
local kinds = { [cursor] = 'hash', [events] = 'stream', [aside] = 'stream', [dead] = 'stream', [deadlines] = 'zset',
  [counts] = 'hash' }
for key, kind in pairs(kinds) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then
    redis.call('DEL', key)
    mended = 1
  end
end
local kept = redis.call('HMGET', cursor, 'id', 'backlog')
local position, last = kept[1] or '0-0', last_of(events)
local ms, seq = string.match(position, '^(%d+)-(%d+)$')
if not ms or #ms > 15 or #seq > 15 or before(last, position) then position = '0-0' end
local backlog = #redis.call('XRANGE', events, '(' .. position, '+', 'COUNT', most)
if backlog == most then
  backlog = math.max(most, math.min(tonumber(kept[2] or 0) or 0, redis.call('XLEN', events)))
end
if position ~= (kept[1] or '0-0') or string.format('%.0f', backlog) ~= (kept[2] or '0') then
  redis.call('HSET', cursor, 'id', position, 'backlog', string.format('%.0f', backlog))
  mended = 1
end
local event = position ~= '0-0' and redis.call('XRANGE', events, position, position)[1]
return { 'open', position, string.format('%.0f', now), tostring(mended), unpack(event and event[2] or {}) }
