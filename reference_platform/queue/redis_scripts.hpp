// redis_scripts: what the queue has Redis do in one step. A topic is kRedisPartitions streams, a key always goes to the
// same one; each partition is read by one member of a group at a time, by a lease, so that the order per key holds
// while members share the work.
#pragma once

namespace platform::queue {

inline constexpr int kRedisPartitions = 8;

/// KEYS: stream. ARGV: most entries, key, body, mark, trace. The new entry's id, or the error FULL.
inline constexpr char kPublish[] = R"lua(
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return redis.error_reply('FULL the partition has no room') end
return redis.call('XADD', KEYS[1], '*', 'k', ARGV[2], 'b', ARGV[3], 'm', ARGV[4], 't', ARGV[5]))lua";

/// KEYS: prefix of the group. ARGV: member, lease in ms, partitions, ",2,5," that the member cannot give up yet. Says
/// who lives, then deals the partitions among the living in turn. Returns for each partition that the member holds now:
/// partition * 4 + 1 when it may read it + 2 when it has held it without a break.
inline constexpr char kLease[] = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, ttl = ARGV[1], tonumber(ARGV[2])
local members = KEYS[1] .. ':members'
redis.call('ZADD', members, now + ttl, me)
redis.call('ZREMRANGEBYSCORE', members, '-inf', now)
redis.call('PEXPIRE', members, ttl * 10)
local names = redis.call('ZRANGE', members, 0, -1)
table.sort(names)
local turn = 0
for i, name in ipairs(names) do if name == me then turn = i - 1 end end
local out = {}
for partition = 0, tonumber(ARGV[3]) - 1 do
  local key = KEYS[1] .. ':partition:' .. partition
  local owner = redis.call('GET', key)
  local mine = partition % #names == turn
  if owner == me and not mine and not string.find(ARGV[4], ',' .. partition .. ',', 1, true) then
    redis.call('DEL', key)
  elseif owner == me or (mine and not owner) then
    redis.call('SET', key, me, 'PX', ttl)
    table.insert(out, partition * 4 + (mine and 1 or 0) + (owner == me and 2 or 0))
  end
end
return out)lua";

/// KEYS: prefix of the group. ARGV: member, partitions. Gives up all partitions at once.
inline constexpr char kLeave[] = R"lua(
redis.call('ZREM', KEYS[1] .. ':members', ARGV[1])
for partition = 0, tonumber(ARGV[2]) - 1 do
  local key = KEYS[1] .. ':partition:' .. partition
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end)lua";

/// KEYS: streams. ARGV: group. Of each: how many are given out and not done.
inline constexpr char kGiven[] = R"lua(
local out = {}
for i, key in ipairs(KEYS) do out[i] = redis.pcall('XPENDING', key, ARGV[1])[1] or 0 end
return out)lua";

/// KEYS: stream. ARGV: group, ids. What every group has done leaves the stream.
inline constexpr char kDone[] = R"lua(
redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 2))
local major, minor
for _, g in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local f = {}
  for i = 1, #g, 2 do f[g[i]] = g[i + 1] end
  local id, more = f['last-delivered-id'], 1
  if f['pending'] > 0 then id, more = redis.call('XPENDING', KEYS[1], f['name'])[2], 0 end
  local a, b = string.match(id, '(%d+)-(%d+)')
  a, b = tonumber(a), tonumber(b) + more
  if not major or a < major or (a == major and b < minor) then major, minor = a, b end
end
if major then redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', major, minor)) end)lua";

/// KEYS: streams. ARGV: group. {messages not done, age of the oldest in ms}.
inline constexpr char kBacklog[] = R"lua(
local time = redis.call('TIME')
local now, count, age = time[1] * 1000 + math.floor(time[2] / 1000), 0, 0
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then
    local from, oldest, known = '-', nil, false
    for _, g in ipairs(redis.call('XINFO', 'GROUPS', key)) do
      local f = {}
      for i = 1, #g, 2 do f[g[i]] = g[i + 1] end
      if f['name'] == ARGV[1] then
        known, from = true, '(' .. f['last-delivered-id']
        if f['pending'] > 0 then oldest = redis.call('XPENDING', key, ARGV[1])[2] end
        count = count + f['pending'] + (f['lag'] or #redis.call('XRANGE', key, from, '+', 'COUNT', 1000))
      end
    end
    if not known then count = count + redis.call('XLEN', key) end
    if not oldest then
      local first = redis.call('XRANGE', key, from, '+', 'COUNT', 1)[1]
      oldest = first and first[1]
    end
    if oldest then age = math.max(age, now - tonumber(string.match(oldest, '%d+'))) end
  end
end
return {count, age})lua";

}  // namespace platform::queue
