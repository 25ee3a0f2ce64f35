#!lua flags=allow-oom
-- Moves dead letters to the events set aside, in the order given, as far as those have room. One that is there no more
-- is passed over.
-- KEYS 1 dead (stream) 2 aside (stream)
-- ARGV 1 most events set aside 2.. letters
-- Returns replayed count | full count
local dead, aside, most = KEYS[1], KEYS[2], tonumber(ARGV[1])
local room, count = most - redis.call('XLEN', aside), 0
for i = 2, #ARGV do
  local letter = redis.call('XRANGE', dead, ARGV[i], ARGV[i])[1]
  -- The first field is the reason of the refusal.
  if letter and #letter[2] > 2 then
    if count >= room then return { 'full', tostring(count) } end
    redis.call('XADD', aside, '*', unpack(letter[2], 3))
    redis.call('XDEL', dead, letter[1])
    count = count + 1
  end
end
return { 'replayed', tostring(count) }
