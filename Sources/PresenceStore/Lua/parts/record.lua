-- A session's record: `status=Online generation=k3J9 login=17 changed=18 worker=a1 link=17 ...`, `status` first.

-- The value of one `name=value`; nothing if the record has none of that name.
local function field(record, name)
  local from = #name + 2
  if string.sub(record, 1, from - 1) ~= name .. '=' then
    local _, found = string.find(record, ' ' .. name .. '=', 1, true)
    if not found then return nil end
    from = found + 1
  end
  local stop = string.find(record, ' ', from, true)
  return string.sub(record, from, stop and stop - 1)
end

-- A whole number as text. As Lua writes numbers by itself, as floating point, it takes twice as long.
local function digits(number)
  return string.format('%d', number)
end

-- The version of the user's change that made the record what it is. It stands there only where it is not the login.
local function changed_of(record)
  return tonumber(field(record, 'changed') or field(record, 'login'))
end

local function platform_of(device)
  return string.sub(device, 1, string.find(device, ':', 1, true) - 1)
end

local function name_of(device, record)
  return device .. ':' .. field(record, 'generation')
end

-- Whether a comma separated list holds the item.
local function holds(list, item)
  return string.find(',' .. list .. ',', ',' .. item .. ',', 1, true) ~= nil
end

-- Whether two records name the same socket of the same worker.
local function same_socket(one, other)
  return field(one, 'worker') == field(other, 'worker') and field(one, 'link') == field(other, 'link')
end

-- Which client a record is of, and which of its attempts; nothing if it did not tell.
local function attempt_of(record)
  local client, number = string.match(field(record, 'attempt') or '', '^(%w+)%.(%d+)$')
  return client, tonumber(number)
end
