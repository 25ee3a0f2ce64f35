#!lua flags=allow-oom
-- Other rules may have shorter timeouts, so that timers end before the deadlines told so far: lowers the deadlines of
-- some users to what is early enough under the owner's rules; with the last of them they are true under these. Says
-- when that was: who goes through the users in the order of their deadlines begins anew.
-- Uses time owner
-- KEYS 1 owner (hash) 2 deadlines (zset)
-- ARGV 1 worker 2 fence 3 digest of the worker's rules 4 shortest timeout under them (ms) 5 most users
-- Returns more | done | lost
local owner, deadlines = KEYS[1], KEYS[2]
local worker, fence, rules, timeout, users_most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if not is_owner(owner, worker, fence) then return { 'lost' } end
local now = now_ms()
local at = now + timeout
local late = redis.call('ZRANGE', deadlines, '(' .. at, '+inf', 'BYSCORE', 'LIMIT', 0, users_most)
for _, user in ipairs(late) do redis.call('ZADD', deadlines, 'XX', at, user) end
if #late > 0 then redis.call('HSET', owner, 'lowered', now) end
if #late == users_most then return { 'more' } end
redis.call('HSET', owner, 'rules', rules)
return { 'done' }
