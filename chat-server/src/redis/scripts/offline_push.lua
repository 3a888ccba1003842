-- Appends to a user's offline list and keeps it bounded. KEYS: list, overflow mark. ARGV: most entries, life in ms, channel of the user,
-- notice, then the entries. Publishing under the same script as the push is what makes a login that happens at the same moment see it.
for index = 5, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[index]) end
local length = redis.call('LLEN', KEYS[1])
if length > tonumber(ARGV[1]) then
  redis.call('LTRIM', KEYS[1], -tonumber(ARGV[1]), -1)
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[4] ~= '' then redis.call(PUBLISH, ARGV[3], ARGV[4]) end
return length
