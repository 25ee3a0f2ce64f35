#!lua flags=allow-oom
-- Takes over a shard's background work. Every new owner gets a higher fence token, also after Redis lost its data:
-- it is at least the time. An end further away than a lease is from before the clock was set back, and holds nobody;
-- what is no number was written by hand, and holds nobody either. A shard nobody owned before counts as swept now, so
-- that an outage shows also where it comes before the first sweep.
-- Uses time
-- KEYS 1 owner (hash)
-- ARGV 1 worker 2 lease (ms) 3 digest of the worker's rules
-- Returns owned fence former (digest of the rules the deadlines are true under, empty where there were none) | taken
local owner_key = KEYS[1]
local worker, lease, rules = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local now = now_ms()
local owner = redis.pcall('HMGET', owner_key, 'worker', 'fence', 'until', 'rules', 'swept')
if owner.err then
  redis.call('DEL', owner_key)
  owner = {}
end
local fence, left = tonumber(owner[2] or 0) or 0, (tonumber(owner[3] or 0) or 0) - now
local is_held = left > 0 and left <= lease
if is_held and owner[1] ~= worker then return { 'taken' } end
if not is_held then fence = math.max(fence + 1, now) end
redis.call('HSET', owner_key, 'worker', worker, 'fence', fence, 'until', now + lease, 'rules', owner[4] or rules,
  'swept', owner[5] or now)
return { 'owned', tostring(fence), owner[4] or '' }
