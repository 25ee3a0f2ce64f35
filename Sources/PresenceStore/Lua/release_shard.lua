#!lua flags=allow-oom
-- Gives up the ownership of a shard, so that another worker need not wait for the lease to end.
-- KEYS 1 owner (hash)
-- ARGV 1 worker 2 fence
-- Returns released | lost
if redis.call('HGET', KEYS[1], 'worker') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then
  return { 'lost' }
end
redis.call('HSET', KEYS[1], 'until', 0)
return { 'released' }
