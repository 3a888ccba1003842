-- KEYS: state, log, pending. ARGV: run id, epoch and offset after which to read (epoch '' for none), most events.
-- Returns nothing without a log, else {epoch, offset, recovered, pending, {id, body, offset, ...}, id of the last}.
local state = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'offset', 'last')
if state[1] ~= ARGV[1] then return {} end
local pending = redis.call('ZCARD', KEYS[3])
local answer = { state[2], state[3], 1, pending, {}, state[4] }
if ARGV[2] == '' then return answer end

local after, last = tonumber(ARGV[3]), tonumber(state[3])
if ARGV[2] ~= state[2] or after > last then
  answer[3] = 0
elseif after < last then
  local entries = redis.call('XRANGE', KEYS[2], '(' .. ARGV[3] .. '-0', '+', 'COUNT', ARGV[4])
  if not entries[1] or entries[1][1] ~= string.format('%.0f-0', after + 1) then
    answer[3] = 0
  else
    for _, entry in ipairs(entries) do
      table.insert(answer[5], entry[2][2])
      table.insert(answer[5], entry[2][4])
      table.insert(answer[5], string.match(entry[1], '^%d+'))
    end
  end
end
return answer
