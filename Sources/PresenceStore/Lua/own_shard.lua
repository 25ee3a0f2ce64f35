#!lua flags=allow-oom
-- Takes or renews the ownership of a shard's background work. Every new owner gets a higher fence token,
-- also after Redis lost its data: it is at least the time.
-- An end further away than a lease is from before the clock was set back, and holds nobody.
-- KEYS 1 owner (hash)
-- ARGV 1 worker 2 lease (ms)
-- Returns owned fence | taken worker
local now = now_ms()
local owner = redis.call('HMGET', KEYS[1], 'worker', 'fence', 'until')
local fence, left = tonumber(owner[2] or 0), tonumber(owner[3] or 0) - now
local held = left > 0 and left <= tonumber(ARGV[2])
if held and owner[1] ~= ARGV[1] then return { 'taken', owner[1] } end
if not held then fence = math.max(fence + 1, now) end
redis.call('HSET', KEYS[1], 'worker', ARGV[1], 'fence', fence, 'until', now + ARGV[2])
return { 'owned', tostring(fence) }
