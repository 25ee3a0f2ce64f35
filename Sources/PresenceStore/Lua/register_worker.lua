#!lua flags=allow-oom
-- A worker says it lives, forgets those not heard of for a while, and learns who else does.
-- A sign of life from the future is from before the clock was set back. A key of another type holds nothing of ours.
-- Uses time
-- KEYS 1 workers (zset)
-- ARGV 1 what the worker says: its name, its level and its rules 2 silence after which a worker counts as dead (ms)
-- ARGV 3 what it said before, where that was something else (empty for nothing)
-- Returns live now worker..
local workers = KEYS[1]
local saying, silence, former = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local now = now_ms()
local added = redis.pcall('ZADD', workers, now, saying)
if type(added) == 'table' then
  redis.call('DEL', workers)
  redis.call('ZADD', workers, now, saying)
end
if former ~= '' then redis.call('ZREM', workers, former) end
redis.call('ZREMRANGEBYSCORE', workers, '-inf', '(' .. now - silence)
redis.call('ZREMRANGEBYSCORE', workers, '(' .. now + silence, '+inf')
return { 'live', tostring(now), unpack(redis.call('ZRANGE', workers, 0, -1)) }
