#!lua flags=allow-oom
-- Takes events out of those set aside: delivered, or dead, then they are among the dead letters whole. When those are
-- full the oldest go, and are counted in the cursor's hash. Of an entry that is there no more nothing is done.
-- Uses owner
-- KEYS 1 owner (hash) 2 aside (stream) 3 dead (stream) 4 cursor (hash)
-- ARGV 1 worker 2 fence 3 most dead letters to keep 4.. per event: entry, why it is dead (empty if delivered)
-- Returns finished count dropped | lost
local owner, aside, dead, cursor = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, fence, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
if not is_owner(owner, worker, fence) then return { 'lost' } end
local there, letters = {}, {}
for i = 4, #ARGV, 2 do
  local entry = redis.call('XRANGE', aside, ARGV[i], ARGV[i])[1]
  if entry then
    there[#there + 1] = entry[1]
    if ARGV[i + 1] ~= '' then letters[#letters + 1] = { why = ARGV[i + 1], fields = entry[2] } end
  end
end
local dropped = math.max(0, redis.call('XLEN', dead) + #letters - most)
if dropped > 0 then redis.call('HINCRBY', cursor, 'dropped', dropped) end
for _, letter in ipairs(letters) do
  redis.call('XADD', dead, 'MAXLEN', most, '*', 'refused', letter.why, unpack(letter.fields))
end
if #there > 0 then redis.call('XDEL', aside, unpack(there)) end
return { 'finished', tostring(#there), tostring(dropped) }
