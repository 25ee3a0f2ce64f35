-- Which of a user's sessions have come to the end of their timers.
-- Uses record user

-- `declared` lists sessions with name, lease, push_key and how long their platform's grace is (ms); `grace_began` is
-- when grace began (ms), nothing without. Sets the user's `ended`, those of the declared whose timer has ended, and
-- `earliest`, when the first of the others is due: at once where a session is not declared.
local function find_ended(user, declared, now, grace_began)
  local unseen = {}
  user.ended, user.earliest = {}, math.huge
  for device, record in pairs(user.sessions) do unseen[name_of(device, record)] = device end
  for _, session in ipairs(declared) do
    local device = unseen[session.name]
    if device then
      unseen[session.name] = nil
      local record = user.sessions[device]
      local login, is_online = tonumber(field(record, 'login')), field(record, 'status') == 'Online'
      local left = redis.call('PTTL', is_online and session.lease or session.push_key)
      local grace_ends = is_online and grace_began and grace_began + session.grace or 0
      if left ~= -2 then
        user.earliest = math.min(user.earliest, now + math.max(left, 0))
      elseif now < grace_ends and (login <= grace_began or login > now) then
        user.earliest = math.min(user.earliest, grace_ends)
      else
        session.device, session.is_online = device, is_online
        table.insert(user.ended, session)
      end
    end
  end
  if next(unseen) then user.earliest = now end
end
