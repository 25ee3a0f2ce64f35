#!lua flags=allow-oom
-- What an owner does once a second: keeps the shard, notes that it is swept, learns who is due and where its streams
-- end. A gap since the last note that no takeover explains was an outage: grace begins, in which clients that were
-- Online can heartbeat before they are settled as lost. Where nobody is due yet the alarm rings for the next one.
-- Uses time stream
-- KEYS 1 owner (hash) 2 deadlines (zset) 3 grace (string) 4 events (stream) 5 aside (stream) 6 alarm (string)
-- ARGV 1 worker 2 fence 3 lease (ms) 4 what may be left of it when it is renewed (ms) 5 outage gap (ms)
-- ARGV 6 longest grace (ms) 7 most users to name 8 how far ahead the alarm is set (ms)
-- Returns tended now left lag events aside began (1 where grace begins) and of each user: id since.. | lost
local owner_key, deadlines, grace, events, aside, alarm = unpack(KEYS)
local worker, fence, lease, renew_at = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local gap, grace_ms, users_most, ahead = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local owner = redis.call('HMGET', owner_key, 'worker', 'fence', 'until', 'swept')
if owner[1] ~= worker or owner[2] ~= fence then return { 'lost' } end
local now = now_ms()
-- Before the first write: a shard whose deadlines cannot be read is not swept.
local due = redis.call('ZRANGE', deadlines, '-inf', now, 'BYSCORE', 'LIMIT', 0, users_most, 'WITHSCORES')
local left, unswept = (tonumber(owner[3] or 0) or 0) - now, now - (tonumber(owner[4] or 0) or 0)
local begins = owner[4] and unswept > gap
if begins then redis.call('SET', grace, now, 'PX', grace_ms) end
-- A note from the future is from before the clock was set back.
if left < renew_at or left > lease or unswept >= gap / 5 or unswept < 0 then
  redis.call('HSET', owner_key, 'until', now + lease, 'swept', now)
  left = lease
end

local answer = { 'tended', tostring(now), tostring(left), '0', last_of(events), last_of(aside), begins and '1' or '0' }
if #due > 0 then
  answer[4] = tostring(now - due[2])
  for i = 1, #due do answer[#answer + 1] = due[i] end
else
  local first = redis.call('ZRANGE', deadlines, 0, 0, 'WITHSCORES')[2]
  if first and first - now < ahead then redis.call('SET', alarm, '1', 'PX', math.max(1, first - now)) end
end
return answer
