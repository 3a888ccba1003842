-- Gives jobs to a consumer: first those whose holder's lease has ended, then new ones. KEYS: stream, delayed. ARGV: group, consumer, most jobs,
-- lease in ms, most entries. Returns dropped, then id and job by turns. The clock is Redis' own, so that servers' clocks don't matter.
local stream, delayed = KEYS[1], KEYS[2]
local limit = tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A stream that Redis has lost (no persistence) begins again here, with its group.
if redis.call('EXISTS', stream) == 0 then
  redis.call('XGROUP', 'CREATE', stream, ARGV[1], '0', 'MKSTREAM')
else
  redis.pcall('XGROUP', 'CREATE', stream, ARGV[1], '0')
end
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, limit)
for _, job in ipairs(due) do
  redis.call('XADD', stream, '*', 'job', job)
  redis.call('ZREM', delayed, job)
end
local dropped = #due > 0 and redis.call('XTRIM', stream, 'MAXLEN', '=', ARGV[5]) or 0
local found = { dropped }
local function add(entries)
  for _, entry in ipairs(entries) do
    found[#found + 1] = entry[1]
    found[#found + 1] = entry[2][2]
  end
  return #entries
end
local left = limit - add(redis.call('XAUTOCLAIM', stream, ARGV[1], ARGV[2], ARGV[4], '0-0', 'COUNT', limit)[2])
if left > 0 then
  local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left, 'STREAMS', stream, '>')
  if read then add(read[1][2]) end
end
return found
