-- Gives a message its place. KEYS: state, pending, held, claim. ARGV: run id of Redis, digest, random part of the id, claim's life in ms.
-- Returns {outcome, message id, sent at, id that an abandoned try had}. Claim: "p|c:<message id>:<sent at>:<digest>".
local state = redis.call('HMGET', KEYS[1], 'run', 'lastAt', 'lastSequence')
if state[1] ~= ARGV[1] then return { 'cold' } end

local replaces = ''
local claim = redis.call('GET', KEYS[4])
if claim then
  local status, id, at, digest = string.match(claim, '^(%a):(%w+):(%d+):(%w+)$')
  if digest ~= ARGV[2] then return { 'conflict' } end
  if status == 'c' then return { 'committed', id, at, '' } end
  if redis.call('ZSCORE', KEYS[2], id) then return { 'reserved', id, at, '' } end
  replaces = id
end

local function encode(value, length)
  local alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  local text = ''
  for _ = 1, length do
    local digit = value % 32
    text = string.sub(alphabet, digit + 1, digit + 1) .. text
    value = math.floor(value / 32)
  end
  return text
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at, sequence = now, 0
local lastAt = tonumber(state[2])
-- A clock that stands or steps back must not turn the order round.
if now <= lastAt then at, sequence = lastAt, tonumber(state[3]) + 1 end
local at_text = string.format('%.0f', at)
local id = encode(at, 10) .. encode(sequence, 4) .. ARGV[3]

redis.call('HSET', KEYS[1], 'lastAt', at_text, 'lastSequence', sequence)
redis.call('ZADD', KEYS[2], at_text, id)
redis.call('HSET', KEYS[3], id, '@' .. string.format('%.0f', now))
redis.call('SET', KEYS[4], 'p:' .. id .. ':' .. at_text .. ':' .. ARGV[2], 'PX', ARGV[4])
return { 'reserved', id, at_text, replaces }
