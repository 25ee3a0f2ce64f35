-- wrk as a load: logins, heartbeats and queries in turn, of a user per thread.
local threads, turn, calls = 0, 0, {}

function setup(thread)
  threads = threads + 1
  thread:set("user", "load-" .. threads)
end

function init(args)
  local login = ('{"user":"%s","platform":"Web"}'):format(user)
  calls = {
    wrk.format("POST", "/v1/sessions", nil, login),
    wrk.format("POST", "/v1/heartbeats", nil, args[1]),
    wrk.format("GET", "/v1/users/" .. user),
  }
end

function request()
  turn = turn % #calls + 1
  return calls[turn]
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  print(("requests %s, not 2xx %d, failed %d"):format(summary.requests > 0 and "some" or "none", errors.status, failed))
end
