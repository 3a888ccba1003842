-- Publishes, in the order of reservation, every committed message that no longer waits for an earlier one. Prepended to the scripts that
-- settle a reservation. `held` maps a message id to "@<reserved at, ms>" until it is committed, then to the message's JSON.
local function release(state, pending, held, log, channel, maxLength, ttl)
  while true do
    local first = redis.call('ZRANGE', pending, 0, 0)[1]
    if not first then break end
    local body = redis.call('HGET', held, first)
    if not body or string.sub(body, 1, 1) == '@' then break end
    redis.call('ZREM', pending, first)
    redis.call('HDEL', held, first)
    local epoch = redis.call('HGET', state, 'epoch')
    local offset = redis.call('HINCRBY', state, 'offset', 1)
    redis.call('HSET', state, 'last', first)
    redis.call('XADD', log, 'MAXLEN', '~', maxLength, string.format('%.0f-0', offset), 'id', first, 'body', body)
    redis.call(PUBLISH, channel, 'm ' .. epoch .. ' ' .. string.format('%.0f', offset) .. ' ' .. first .. ' ' .. body)
  end
  for _, key in ipairs({ state, pending, held, log }) do redis.call('PEXPIRE', key, ttl) end
end
