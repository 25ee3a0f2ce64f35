-- wrk with one connection: each call once.
local calls, answered, words = {}, 0, {}

function init(args)
  local function call(path, body)
    calls[#calls + 1] = wrk.format("POST", path, nil, body)
  end
  call("/v1/sessions", '{"user":"ann","platform":"Web"}')
  call("/v1/heartbeats", args[1])
  call("/v1/statuses", '{"users":["ann"]}')
  call("/v1/statuses", ("a"):rep(2000000))
  call("/v1/statuses", '{"users":["ann"]}')
end

function request() return calls[answered + 1] or calls[#calls] end

function response(status, _, body)
  answered = answered + 1
  if answered == 2 then words[#words + 1] = body end
  words[#words + 1] = status
  if answered == #calls then
    print(table.concat(words, " "))
    os.exit(0)
  end
end
