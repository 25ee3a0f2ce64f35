#!lua flags=allow-oom
-- A heartbeat that found no lease: gives the session a new one if its record still says Online.
-- KEYS 1 user (hash) 2 deadlines (zset) 3 lease (string)
-- ARGV 1 user id 2 device 3 generation 4 heartbeat timeout (ms)
-- Returns renewed | gone
local record = redis.call('HGET', KEYS[1], ARGV[2])
if not record or field(record, 'generation') ~= ARGV[3] or field(record, 'status') ~= 'Online' then
  return { 'gone' }
end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[4])
redis.call('ZADD', KEYS[2], 'LT', now_ms() + ARGV[4], ARGV[1])
return { 'renewed' }
