#!lua flags=allow-oom
-- Moves the cursor over all events there are: nobody is to be told. Trims the stream below its retention.
-- Uses time owner stream
-- KEYS 1 owner (hash) 2 cursor (hash) 3 events (stream)
-- ARGV 1 worker 2 fence 3 retention (ms)
-- Returns passed position | lost
local owner, cursor, events = KEYS[1], KEYS[2], KEYS[3]
local worker, fence, retention = ARGV[1], ARGV[2], tonumber(ARGV[3])
if not is_owner(owner, worker, fence) then return { 'lost' } end
local last = last_of(events)
if last ~= '0-0' and redis.call('HGET', cursor, 'id') ~= last then
  redis.call('HSET', cursor, 'id', last, 'backlog', 0)
  trim(events, last, now_ms(), retention, '~')
end
return { 'passed', last }
