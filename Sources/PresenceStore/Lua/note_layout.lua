#!lua flags=allow-oom
-- Notes how presence is laid out under a prefix, where nothing is noted.
-- KEYS 1 meta (hash)
-- ARGV 1 shards 2 layout
-- Returns noted | stands
local meta = KEYS[1]
local shards, layout = ARGV[1], ARGV[2]
if redis.call('EXISTS', meta) == 1 then return { 'stands' } end
redis.call('HSET', meta, 'shards', shards, 'layout', layout)
return { 'noted' }
