-- KEYS: pending, held. ARGV: age in ms. Returns {how many are left, id, ...}: reserved longer ago than that, not committed, in order.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = { redis.call('ZCARD', KEYS[1]) }
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, 99)) do
  local body = redis.call('HGET', KEYS[2], id)
  if not body then
    table.insert(answer, id)
  elseif string.sub(body, 1, 1) == '@' and now - tonumber(string.sub(body, 2)) >= tonumber(ARGV[1]) then
    table.insert(answer, id)
  end
end
return answer
