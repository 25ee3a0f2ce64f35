#!lua flags=allow-oom
-- Moves the cursor over events that are done, copies those of them that are set aside whole, and trims the stream below
-- the cursor and its retention. A position does not prove that its event was read (after a failover or a restored dump
-- another can stand there), so the last one's own id must be right.
-- Uses time owner stream delivery
-- KEYS 1 owner (hash) 2 cursor (hash) 3 events (stream) 4 aside (stream) 5 attempts (stream)
-- ARGV 1 worker 2 fence 3 last position that is done 4 id of its event (empty for one that cannot be read)
-- ARGV 5 retention (ms) 6 cursor as the caller believes (position) 7 events from there to the last
-- ARGV 8.. of each that is set aside or took several attempts: position, what became of it (aside, done), attempts
-- Returns acknowledged entry.. (of each one copied) | already | moved | lost
local owner, cursor, events, aside, attempts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local worker, fence = ARGV[1], ARGV[2]
local last, id, retention, believed, done = ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
if not is_owner(owner, worker, fence) then return { 'lost' } end
local now = now_ms()
local position = redis.call('HGET', cursor, 'id') or '0-0'
if not before(position, last) then return { 'already' } end
local entry = redis.call('XRANGE', events, last, last)[1]
if not entry or id ~= '' and id_of(entry[2]) ~= id then return { 'moved' } end
local backlog = 0
if redis.call('XRANGE', events, '(' .. last, '+', 'COUNT', 1)[1] then
  if position ~= believed then done = #redis.call('XRANGE', events, '(' .. position, last) end
  backlog = math.max(0, (tonumber(redis.call('HGET', cursor, 'backlog') or 0) or 0) - done)
end

local answer = { 'acknowledged' }
for i = 8, #ARGV, 3 do
  local at, became, tries = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local event = before(position, at) and redis.call('XRANGE', events, at, at)[1]
  if event and became == 'aside' then
    add_attempts(event[2], tries)
    answer[#answer + 1] = redis.call('XADD', aside, '*', 'position', event[1], unpack(event[2]))
  elseif event then
    note_attempts(attempts, event[2], tries, retention)
  end
end
redis.call('HSET', cursor, 'id', last, 'backlog', string.format('%.0f', backlog))
trim(events, last, now, retention, '~')
return answer
