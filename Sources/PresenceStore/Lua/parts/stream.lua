-- Positions in a stream, `<ms>-<sequence>`.

local function before(one, two)
  local ms, seq = string.match(one, '(%d+)-(%d+)')
  local other_ms, other_seq = string.match(two, '(%d+)-(%d+)')
  if ms == other_ms then return tonumber(seq) < tonumber(other_seq) end
  return tonumber(ms) < tonumber(other_ms)
end

-- The position of the last entry of a stream; `0-0` where there is none, or no stream.
local function last_of(stream)
  local entry = redis.pcall('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return entry and entry[1] or '0-0'
end

-- Trims a stream of events below the cursor and what may still be asked for (retention, ms): exactly (`=`), or as far
-- as costs little (`~`). Returns how many are gone.
local function trim(events, cursor, now, retention, how)
  local kept_from = string.format('%.0f-0', now - retention)
  return redis.call('XTRIM', events, 'MINID', how, before(kept_from, cursor) and kept_from or cursor)
end
