#!lua flags=allow-oom
-- Moves the cursor over events that are done, copies those refused for good to the dead letters, and trims the
-- stream below the cursor and its retention. Repeating it changes nothing. The caller's count holds if the cursor
-- stands where the caller believes; else the events passed are counted.
-- Uses time
-- KEYS 1 owner (hash) 2 cursor (hash) 3 events (stream) 4 dead (stream)
-- ARGV 1 worker 2 fence 3 last stream id that is done 4 retention (ms) 5 most dead letters to keep
-- ARGV 6 cursor as the caller believes (stream id) 7 events from there to the last 8.. per refused event: id, why
-- Returns acknowledged | already | lost | crowded
if redis.call('HGET', KEYS[1], 'worker') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then
  return { 'lost' }
end
local function before(one, two)
  local ms, seq = string.match(one, '(%d+)-(%d+)')
  local other_ms, other_seq = string.match(two, '(%d+)-(%d+)')
  if ms == other_ms then return tonumber(seq) < tonumber(other_seq) end
  return tonumber(ms) < tonumber(other_ms)
end
local cursor = redis.call('HGET', KEYS[2], 'id') or '0-0'
if not before(cursor, ARGV[3]) then return { 'already' } end
local refused = {}
for i = 8, #ARGV, 2 do
  if before(cursor, ARGV[i]) then refused[#refused + 1] = i end
end
if #refused > 0 and redis.call('XLEN', KEYS[4]) + #refused > tonumber(ARGV[5]) then return { 'crowded' } end

for _, i in ipairs(refused) do
  local event = redis.call('XRANGE', KEYS[3], ARGV[i], ARGV[i])[1]
  if event then redis.call('XADD', KEYS[4], '*', 'refused', ARGV[i + 1], unpack(event[2])) end
end
local done = tonumber(ARGV[7])
if cursor ~= ARGV[6] then done = #redis.call('XRANGE', KEYS[3], '(' .. cursor, ARGV[3]) end
redis.call('HSET', KEYS[2], 'id', ARGV[3])
if done > 0 then redis.call('HINCRBY', KEYS[2], 'backlog', -done) end
local oldest = math.min(now_ms() - ARGV[4], tonumber(string.match(ARGV[3], '^%d+')))
redis.call('XTRIM', KEYS[3], 'MINID', '~', string.format('%.0f', oldest))
return { 'acknowledged' }
