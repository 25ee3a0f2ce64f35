#!lua flags=allow-oom
-- A heartbeat that found no lease: gives the session a new one if its record still says Online.
-- Uses time record
-- KEYS 1 user (hash) 2 deadlines (zset) 3 lease (string)
-- ARGV 1 user id 2 device 3 generation 4 heartbeat timeout (ms)
-- Returns renewed | gone
local user, deadlines, lease = KEYS[1], KEYS[2], KEYS[3]
local id, device, generation, timeout = unpack(ARGV)
local record = redis.call('HGET', user, device)
if not record or field(record, 'generation') ~= generation or field(record, 'status') ~= 'Online' then
  return { 'gone' }
end
redis.call('ZADD', deadlines, 'LT', now_ms() + timeout, id)
redis.call('SET', lease, '1', 'PX', timeout)
return { 'renewed' }
