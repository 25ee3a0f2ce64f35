#!lua flags=allow-oom
-- Takes events out of those set aside: delivered, or dead, then they are among the dead letters whole. When those are
-- full the oldest go, and are counted in the cursor's hash. Of an entry that is there no more nothing is done.
-- Uses owner delivery
-- KEYS 1 owner (hash) 2 aside (stream) 3 dead (stream) 4 cursor (hash) 5 attempts (stream)
-- ARGV 1 worker 2 fence 3 most dead letters to keep 4 retention of delivered events (ms)
-- ARGV 5.. per event: entry, why it is dead (empty if delivered), attempts since it was set aside
-- Returns finished count dropped | lost
local owner, aside, dead, cursor, attempts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local worker, fence, most, retention = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
if not is_owner(owner, worker, fence) then return { 'lost' } end
-- A key that holds something else is found before the first write.
local kept, there, letters = redis.call('XLEN', dead), {}, {}
for i = 5, #ARGV, 3 do
  local entry, why, tries = redis.call('XRANGE', aside, ARGV[i], ARGV[i])[1], ARGV[i + 1], tonumber(ARGV[i + 2])
  if entry then
    there[#there + 1] = entry[1]
    if why == '' then
      note_attempts(attempts, entry[2], attempts_of(entry[2]) + tries, retention)
    else
      add_attempts(entry[2], tries)
      letters[#letters + 1] = { why = why, fields = entry[2] }
    end
  end
end
local dropped = math.max(0, kept + #letters - most)
if dropped > 0 then redis.pcall('HINCRBY', cursor, 'dropped', dropped) end
for _, letter in ipairs(letters) do
  redis.call('XADD', dead, 'MAXLEN', most, '*', 'refused', letter.why, unpack(letter.fields))
end
if #there > 0 then redis.call('XDEL', aside, unpack(there)) end
return { 'finished', tostring(#there), tostring(dropped) }
