#!lua flags=allow-oom
-- Moves the cursor over events that are done, copies those refused for good to the dead letters, and trims the
-- stream below the cursor and its retention. Repeating it changes nothing.
-- KEYS 1 owner (hash) 2 cursor (hash) 3 events (stream) 4 dead (stream)
-- ARGV 1 worker 2 fence 3 last stream id that is done 4 events done 5 retention (ms) 6 most dead letters to keep
-- ARGV 7.. per refused event: stream id, why
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
if not before(redis.call('HGET', KEYS[2], 'id') or '0-0', ARGV[3]) then return { 'already' } end
local refused = (#ARGV - 6) / 2
if refused > 0 and redis.call('XLEN', KEYS[4]) + refused > tonumber(ARGV[6]) then return { 'crowded' } end

for i = 7, #ARGV, 2 do
  local event = redis.call('XRANGE', KEYS[3], ARGV[i], ARGV[i])[1]
  if event then redis.call('XADD', KEYS[4], '*', 'refused', ARGV[i + 1], unpack(event[2])) end
end
redis.call('HSET', KEYS[2], 'id', ARGV[3])
redis.call('HINCRBY', KEYS[2], 'backlog', -ARGV[4])
local oldest = math.min(now_ms() - ARGV[5], tonumber(string.match(ARGV[3], '^%d+')))
redis.call('XTRIM', KEYS[3], 'MINID', '~', string.format('%.0f', oldest))
return { 'acknowledged' }
