#!lua flags=allow-oom
-- Puts dead letters, the oldest first, back at the end of the shard's outbox as the events they were, as far as its
-- backlog has room for them.
-- KEYS 1 dead (stream) 2 events (stream) 3 cursor (hash)
-- ARGV 1 most letters to put back 2 most backlog (events)
-- Returns replayed count left
local room = tonumber(ARGV[2]) - tonumber(redis.call('HGET', KEYS[3], 'backlog') or 0)
local count = math.max(0, math.min(tonumber(ARGV[1]), room))
local letters = count > 0 and redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', count) or {}
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
return { 'replayed', tostring(replayed), tostring(redis.call('XLEN', KEYS[1])) }
