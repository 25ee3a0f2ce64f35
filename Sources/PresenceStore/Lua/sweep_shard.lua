#!lua flags=allow-oom
-- Notes that the shard was swept now and names the users who are due. A gap since the last sweep that no
-- takeover explains was an outage: clients get a grace period to heartbeat before anyone is settled as lost.
-- KEYS 1 owner (hash) 2 deadlines (zset) 3 sweep (string) 4 grace (string)
-- ARGV 1 worker 2 fence 3 outage gap (ms) 4 grace (ms) 5 most users to name
-- Returns swept lag user.. | lost
if redis.call('HGET', KEYS[1], 'worker') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then
  return { 'lost' }
end
local now = now_ms()
local last = tonumber(redis.call('GET', KEYS[3]) or now)
if now - last > tonumber(ARGV[3]) then redis.call('SET', KEYS[4], now, 'PX', ARGV[4]) end
redis.call('SET', KEYS[3], now)
local due = redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[5], 'WITHSCORES')
local answer = { 'swept', '0' }
if #due > 0 then answer[2] = tostring(now - due[2]) end
for i = 1, #due, 2 do answer[#answer + 1] = due[i] end
return answer
