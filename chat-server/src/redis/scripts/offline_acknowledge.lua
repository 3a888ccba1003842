-- Removes what a client has acknowledged. KEYS: list. ARGV: conversation id, last message id. An entry begins with
-- {"id":"<message id>","conversationId":"<conversation id>", the two alphabets hold no quotes.
local kept = {}
local removed = 0
for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local id, conversation = string.match(entry, '^{"id":"(%w+)","conversationId":"([^"]+)"')
  if conversation == ARGV[1] and id <= ARGV[2] then
    removed = removed + 1
  else
    table.insert(kept, entry)
  end
end
if removed == 0 then return 0 end
local ttl = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
for _, entry in ipairs(kept) do redis.call('RPUSH', KEYS[1], entry) end
if #kept > 0 and ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
return removed
