#!lua flags=allow-oom
-- A worker says it lives, forgets those not heard of for a while, and learns who else does.
-- A sign of life from the future is from before the clock was set back.
-- KEYS 1 workers (zset)
-- ARGV 1 worker 2 silence after which a worker counts as dead (ms)
-- Returns live worker..
local now = now_ms()
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now + ARGV[2], '+inf')
return { 'live', unpack(redis.call('ZRANGE', KEYS[1], 0, -1)) }
