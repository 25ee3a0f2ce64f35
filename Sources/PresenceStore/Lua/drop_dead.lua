#!lua flags=allow-oom
-- Drops dead letters for good, counts them as discarded, and notes that nobody was told of their events. One that is
-- there no more is passed over.
-- Uses delivery
-- KEYS 1 dead (stream) 2 cursor (hash) 3 attempts (stream)
-- ARGV 1 retention of delivered events (ms) 2.. letters
-- Returns dropped count
local dead, cursor, attempts, retention = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
for i = 2, #ARGV do
  local letter = redis.call('XRANGE', dead, ARGV[i], ARGV[i])[1]
  -- The first field is the reason of the refusal.
  if letter then note_attempts(attempts, { unpack(letter[2], 3) }, 0, retention) end
end
local count = redis.call('XDEL', dead, unpack(ARGV, 2))
if count > 0 then redis.pcall('HINCRBY', cursor, 'discarded', count) end
return { 'dropped', tostring(count) }
