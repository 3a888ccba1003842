-- A server holds no connection of the user any more. KEYS: sessions, server, last seen. ARGV: the server's instance, now in ms,
-- life of "last seen" in ms.
redis.call('HDEL', KEYS[1], ARGV[1])
local others = redis.call('HVALS', KEYS[1])
if #others == 0 then
  redis.call('DEL', KEYS[2])
  redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
else
  redis.call('SET', KEYS[2], others[1], 'KEEPTTL')
end
return #others
