-- The owner of a shard's background work: a hash with `worker`, its `fence` token, `until` when it owns the shard, when
-- it was last `swept`, and the `rules` its deadlines are true under.

local function is_owner(key, worker, fence)
  local owner = redis.call('HMGET', key, 'worker', 'fence')
  return owner[1] == worker and owner[2] == fence
end
