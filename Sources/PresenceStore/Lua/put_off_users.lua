#!lua flags=allow-oom
-- Puts off users whose record cannot be read, so that they do not hold up the others of the shard.
-- Uses time
-- KEYS 1 deadlines (zset)
-- ARGV 1 pause (ms) 2.. user ids
-- Returns done
local deadlines = KEYS[1]
local at = now_ms() + tonumber(ARGV[1])
for i = 2, #ARGV do redis.call('ZADD', deadlines, 'XX', at, ARGV[i]) end
return { 'done' }
