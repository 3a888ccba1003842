-- Gives up a reservation that was not committed. KEYS: state, pending, held, log.
-- ARGV: run id, message id, channel, length of the log, life of the log in ms.
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
local body = redis.call('HGET', KEYS[3], ARGV[2])
if body and string.sub(body, 1, 1) ~= '@' then return 0 end
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[2])
release(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[3], ARGV[4], ARGV[5])
return 1
