-- Whom a login ends.
-- Uses record user

-- `rule` has the platforms that the login's platform excludes, those that share its instance limit (lists), and the
-- limit. Returns the devices to end and the names of their sessions, the oldest login first.
local function displaced_by(user, device, rule)
  local displaced, sharers, kicked = {}, {}, {}
  for other in pairs(user.sessions) do
    local platform = platform_of(other)
    local group = holds(rule.excluded, platform) and displaced or holds(rule.sharing, platform) and sharers
    if group and other ~= device then table.insert(group, other) end
  end
  sort_by_login(sharers, user.sessions)
  for i = 1, #sharers + 1 - rule.limit do table.insert(displaced, sharers[i]) end
  sort_by_login(displaced, user.sessions)
  for i, other in ipairs(displaced) do kicked[i] = name_of(other, user.sessions[other]) end
  return displaced, kicked
end
