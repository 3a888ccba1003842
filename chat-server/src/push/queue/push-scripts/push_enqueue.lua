-- Appends jobs and keeps the stream bounded. KEYS: stream. ARGV: most entries, jobs. Returns how many were dropped.
for index = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'job', ARGV[index]) end
return redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', ARGV[1])
