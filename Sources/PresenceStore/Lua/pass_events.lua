#!lua flags=allow-oom
-- Moves the cursor over all events there are: nobody is to be told. Trims the stream below its retention.
-- Uses time
-- KEYS 1 owner (hash) 2 cursor (hash) 3 events (stream)
-- ARGV 1 worker 2 fence 3 retention (ms)
-- Returns passed | lost
local owner, cursor, events, retention = KEYS[1], KEYS[2], KEYS[3], ARGV[3]
if redis.call('HGET', owner, 'worker') ~= ARGV[1] or redis.call('HGET', owner, 'fence') ~= ARGV[2] then
  return { 'lost' }
end
local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
if last and redis.call('HGET', cursor, 'id') ~= last[1] then
  redis.call('HSET', cursor, 'id', last[1], 'backlog', 0)
  local oldest = math.min(now_ms() - retention, tonumber(string.match(last[1], '^%d+')))
  redis.call('XTRIM', events, 'MINID', '~', string.format('%.0f', oldest))
end
return { 'passed' }
