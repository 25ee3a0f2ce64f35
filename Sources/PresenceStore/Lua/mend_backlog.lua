#!lua flags=allow-oom
-- Sets the number of waiting events to what was counted, where they can be counted.
-- Uses stream
-- KEYS 1 cursor (hash) 2 events (stream)
-- ARGV 1 most events to count
-- Returns mended | stands
local cursor, events = KEYS[1], KEYS[2]
local most = tonumber(ARGV[1])
local position = redis.call('HGET', cursor, 'id') or '0-0'
if not string.match(position, '^%d+%-%d+$') or before(last_of(events), position) then return { 'stands' } end
local backlog = #redis.call('XRANGE', events, '(' .. position, '+', 'COUNT', most)
if backlog >= most then return { 'stands' } end
redis.call('HSET', cursor, 'backlog', backlog)
return { 'mended' }
