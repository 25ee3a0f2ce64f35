-- How sessions end, but for those a login displaces.
-- Uses record change

-- An Online session whose client is gone: PushOnline for `push` ms where that exists (push > 0), else Offline. Returns
-- its status. `note` is when its timer ended, of one that fell silent.
local function write_lost(change, user, device, push_key, push, reason, note)
  local record, version = user.sessions[device], next_version(change, user)
  local status, pushed = 'Offline', nil
  if push > 0 then
    status = 'PushOnline'
    pushed = string.gsub(record, '^status=%a+', 'status=PushOnline')
    pushed = string.gsub(pushed, ' changed=%d+', '', 1)
    pushed = string.gsub(pushed, ' login=%d+', '%0 changed=' .. version, 1)
    redis.call('SET', push_key, '1', 'PX', push)
  end
  write_session(change, user, device, pushed)
  write_event(
    change, user, 'Disconnect', reason, name_of(device, record), status, field(record, 'address'), nil, note)
  return status
end

-- A session that is logged in no longer, its timers gone already or removed by the caller.
local function write_logout(change, user, device, reason, note)
  local record = user.sessions[device]
  next_version(change, user)
  write_session(change, user, device, nil)
  write_event(
    change, user, 'Logout', reason, name_of(device, record), 'Offline', field(record, 'address'), nil, note)
end
