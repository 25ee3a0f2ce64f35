#!lua flags=no-writes
-- Says which calls the Redis user that runs this may not make. Redis 7.0 crashes when asked about a call that lacks
-- arguments: each has to be one that could be made.
-- ARGV 1.. per call: what to name it, its words separated by blanks
-- Returns checked name..
local answer = { 'checked' }
for i = 1, #ARGV, 2 do
  local words = {}
  for word in string.gmatch(ARGV[i + 1], '[^ ]+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then answer[#answer + 1] = ARGV[i] end
end
return answer
