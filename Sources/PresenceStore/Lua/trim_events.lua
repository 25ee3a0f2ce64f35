#!lua flags=allow-oom
-- Trims the events of a shard where nothing else does: all that are older than their retention, but for the one the
-- cursor stands at and those behind it.
-- Uses time stream
-- KEYS 1 cursor (hash) 2 events (stream)
-- ARGV 1 retention (ms)
-- Returns trimmed count
local cursor, events = KEYS[1], KEYS[2]
local retention = tonumber(ARGV[1])
return { 'trimmed', tostring(trim(events, redis.call('HGET', cursor, 'id') or '0-0', now_ms(), retention, '=')) }
