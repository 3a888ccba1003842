-- Settles a job, for good or until later. KEYS: stream, delayed. ARGV: group, entry, delay in ms and job (both empty: for good), most delayed
-- jobs. Returns how many were dropped.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XDEL', KEYS[1], ARGV[2])
if ARGV[4] == '' then return 0 end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[4])
local over = redis.call('ZCARD', KEYS[2]) - ARGV[5]
if over <= 0 then return 0 end
-- Those that would wait longest have failed most often.
redis.call('ZPOPMAX', KEYS[2], over)
return over
