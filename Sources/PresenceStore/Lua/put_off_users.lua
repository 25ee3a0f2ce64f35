#!lua flags=allow-oom
-- Puts off users whose record cannot be read, so that they do not hold up the others of the shard.
-- KEYS 1 deadlines (zset)
-- ARGV 1 pause (ms) 2.. user ids
-- Returns done
local at = now_ms() + ARGV[1]
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', at, ARGV[i]) end
return { 'done' }
