-- Settles a fan-out by its deliveries. KEYS: stream, then a mark for each delivery. ARGV: group, entry, most entries, life of the marks in ms, then
-- the deliveries. Returns how many entries were dropped.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XDEL', KEYS[1], ARGV[2])
for index = 2, #KEYS do
  if redis.call('SET', KEYS[index], '1', 'NX', 'PX', ARGV[4]) then redis.call('XADD', KEYS[1], '*', 'job', ARGV[index + 3]) end
end
return redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', ARGV[3])
