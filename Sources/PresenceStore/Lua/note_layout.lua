#!lua flags=allow-oom
-- Notes how presence is laid out under a prefix, and a name for what is there, where nothing is noted. A key of another
-- type holds nothing of ours. What stands from an earlier version gets the name it lacks.
-- KEYS 1 meta (hash)
-- ARGV 1 shards 2 layout 3 id (random)
-- Returns noted | stands
local meta = KEYS[1]
local shards, layout, id = ARGV[1], ARGV[2], ARGV[3]
local kind = redis.call('TYPE', meta).ok
if kind == 'hash' then
  redis.call('HSETNX', meta, 'id', id)
  return { 'stands' }
end
if kind ~= 'none' then redis.call('DEL', meta) end
redis.call('HSET', meta, 'shards', shards, 'layout', layout, 'id', id)
return { 'noted' }
