#!lua flags=allow-oom
-- Notes how presence is laid out under a prefix, where nothing is noted. A key of another type holds
-- nothing of ours.
-- KEYS 1 meta (hash)
-- ARGV 1 shards 2 layout
-- Returns noted | stands
local meta = KEYS[1]
local shards, layout = ARGV[1], ARGV[2]
local kind = redis.call('TYPE', meta).ok
if kind == 'hash' then return { 'stands' } end
if kind ~= 'none' then redis.call('DEL', meta) end
redis.call('HSET', meta, 'shards', shards, 'layout', layout)
return { 'noted' }
