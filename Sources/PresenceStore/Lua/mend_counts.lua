#!lua flags=allow-oom
-- Sets the live counts of a shard to what was counted, unless something has changed in it meanwhile: every change of a
-- count comes with an event.
-- Uses stream
-- KEYS 1 counts (hash) 2 events (stream)
-- ARGV 1 last position of the events when counting began 2.. names and numbers
-- Returns mended | changed
local counts, events = KEYS[1], KEYS[2]
local known = ARGV[1]
if last_of(events) ~= known then return { 'changed' } end
redis.call('DEL', counts)
if #ARGV > 1 then redis.call('HSET', counts, unpack(ARGV, 2)) end
return { 'mended' }
