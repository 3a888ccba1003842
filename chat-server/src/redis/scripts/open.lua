-- Begins a conversation's log if this run of Redis has none. KEYS: state, pending, held, log, then one claim for each recent message.
-- ARGV: run id, new epoch, time of the last message, life of the log in ms, life of a claim in ms, then the claims' values.
-- Returns {epoch, offset}.
local state = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'offset')
if state[1] == ARGV[1] then return { state[2], state[3] } end

redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'epoch', ARGV[2], 'offset', 0, 'lastAt', ARGV[3], 'lastSequence', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
for index = 5, #KEYS do redis.call('SET', KEYS[index], ARGV[index + 1], 'PX', ARGV[5]) end
return { ARGV[2], '0' }
