#!lua flags=allow-oom
-- Makes these the rules all workers share, if those that stand are the ones the caller knows.
-- KEYS 1 rules (hash)
-- ARGV 1 digest of the rules that stand (empty for none) 2.. names and values, `digest` among them
-- Returns adopted | changed
local rules = KEYS[1]
local known = ARGV[1]
local stands = redis.pcall('HGET', rules, 'digest')
if (type(stands) == 'string' and stands or '') ~= known then return { 'changed' } end
redis.call('DEL', rules)
redis.call('HSET', rules, unpack(ARGV, 2))
return { 'adopted' }
