-- KEYS: state, pending, held, log, claim. ARGV: run id, message id, body, channel, length of the log, life of the log in ms, digest,
-- sent at, life of the claim in ms. Returns published, held or abandoned.
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 'abandoned' end

local id = ARGV[2]
if not redis.call('ZSCORE', KEYS[2], id) then
  local claim = redis.call('GET', KEYS[5])
  if claim and string.sub(claim, 1, 3 + #id) == 'c:' .. id .. ':' then return 'published' end
  return 'abandoned'
end
redis.call('HSET', KEYS[3], id, ARGV[3])
redis.call('SET', KEYS[5], 'c:' .. id .. ':' .. ARGV[8] .. ':' .. ARGV[7], 'PX', ARGV[9])
release(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[4], ARGV[5], ARGV[6])
if redis.call('ZSCORE', KEYS[2], id) then
  redis.call(PUBLISH, ARGV[4], 'h')
  return 'held'
end
return 'published'
