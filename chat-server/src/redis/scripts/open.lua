-- Begins a conversation's log if this run of Redis has none. KEYS: state, pending, held, log, then one claim for each recent message.
-- ARGV: run id, run for which the rest was gathered, new epoch, last message and its time, life of the log in ms, life of a claim in ms, then
-- the claims' values. Returns {epoch, offset}; nothing if the run is another one by now.
local state = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'offset')
if state[1] == ARGV[1] then return { state[2], state[3] } end
if ARGV[1] ~= ARGV[2] then return {} end

redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'epoch', ARGV[3], 'offset', 0, 'last', ARGV[4], 'lastAt', ARGV[5], 'lastSequence', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
for index = 5, #KEYS do redis.call('SET', KEYS[index], ARGV[index + 3], 'PX', ARGV[7]) end
return { ARGV[3], '0' }
