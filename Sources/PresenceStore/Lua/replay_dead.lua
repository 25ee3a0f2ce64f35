#!lua flags=allow-oom
-- Puts dead letters, the oldest first, back at the end of the shard's outbox as the events they were.
-- KEYS 1 dead (stream) 2 events (stream) 3 cursor (hash)
-- ARGV 1 most letters to put back
-- Returns replayed count
local letters = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])
local replayed = 0
for _, letter in ipairs(letters) do
  local id, fields = letter[1], letter[2]
  -- The first field is the reason of the refusal.
  if #fields > 2 then
    redis.call('XADD', KEYS[2], '*', unpack(fields, 3))
    replayed = replayed + 1
  end
  redis.call('XDEL', KEYS[1], id)
end
if replayed > 0 then redis.call('HINCRBY', KEYS[3], 'backlog', replayed) end
return { 'replayed', tostring(replayed) }
