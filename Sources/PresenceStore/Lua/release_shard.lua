#!lua flags=allow-oom
-- Gives up the ownership of a shard, so that another worker need not wait for the lease to end, and none of the work
-- still under way here can take it back.
-- Uses owner
-- KEYS 1 owner (hash)
-- ARGV 1 worker 2 fence
-- Returns released | lost
local owner = KEYS[1]
local worker, fence = ARGV[1], ARGV[2]
if not is_owner(owner, worker, fence) then return { 'lost' } end
redis.call('HSET', owner, 'worker', '', 'until', 0)
return { 'released' }
