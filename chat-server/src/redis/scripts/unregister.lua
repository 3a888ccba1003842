-- A server holds no connection of the user any more. KEYS: sessions, server. ARGV: the server's instance.
redis.call('HDEL', KEYS[1], ARGV[1])
local others = redis.call('HVALS', KEYS[1])
if #others == 0 then
  redis.call('DEL', KEYS[2])
else
  redis.call('SET', KEYS[2], others[1], 'KEEPTTL')
end
return #others
