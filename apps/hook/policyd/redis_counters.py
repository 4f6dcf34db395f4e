"""Counters in Redis, shared by all hooks: one script a request, under names of their own."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from apps.hook.policyd.counters import (
    INSTANCE_SECONDS,
    KNOWN_SECONDS,
    MOST_ITEMS,
    PARTS,
    CountersError,
    Occasion,
    Tally,
)
from streams.settings import Settings
from streams.stores.breaker import Breaker
from streams.stores.redis_store import open_redis

__all__ = ["RedisCounters"]

_ARGUMENTS: Final = 5  # of each tally
# KEYS: the transaction, then key and companion of each tally. ARGV: time, recipient, recipients in
# all, then kind, most, window, whether it refuses, and item of each tally. As MemoryCounters does.
_SCRIPT: Final = f"""
local call, floor = redis.call, math.floor
local now, recipient, recipients = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local parts, known_for, most = {PARTS}, {KNOWN_SECONDS}, {MOST_ITEMS}

local function part(window) return floor(now * parts / window) end
local function sum(key, window)
  local oldest, total, all = part(window) - parts, 0, call('HGETALL', key)
  for at = 1, #all, 2 do
    if tonumber(all[at]) >= oldest then total = total + tonumber(all[at + 1]) end
  end
  return total
end
local function add(key, window, more)
  if more == 0 then return end
  local current = part(window)
  call('HINCRBY', key, string.format('%.0f', current), more)
  for _, old in ipairs(call('HKEYS', key)) do
    if tonumber(old) < current - parts then call('HDEL', key, old) end
  end
  call('EXPIRE', key, math.ceil(window * (1 + 1 / parts)))
end
local function note(key, item, seconds)
  call('ZADD', key, now, item)
  call('ZREMRANGEBYRANK', key, 0, -most - 1)
  call('EXPIRE', key, math.ceil(seconds))
end

local seen = call('HMGET', KEYS[1], 'first', 'others')
local first, fresh = not seen[1], 0
if recipient ~= '' then
  fresh = 1 - call('HEXISTS', KEYS[1], 'r' .. recipient)
else
  local named = call('HLEN', KEYS[1])
  if seen[1] then named = named - 1 end
  if seen[2] then named = named - 1 + tonumber(seen[2]) end
  fresh = math.max(0, recipients - named)
end

local adding, over, refused = {{}}, {{}}, false
for at = 1, (#KEYS - 1) / 2 do
  local key, beside, base = KEYS[2 * at], KEYS[2 * at + 1], 3 + {_ARGUMENTS} * (at - 1)
  local kind, limit, window = ARGV[base + 1], tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
  local item, exceeds, adds = ARGV[base + 5], false, nil
  if kind == 'networks' then
    local score = call('ZSCORE', key, item)
    local new = (not score or tonumber(score) <= now - window) and 1 or 0
    local count = call('ZCOUNT', key, string.format('(%.6f', now - window), '+inf')
    exceeds = first and count + new > limit
    adds = function() note(key, item, window * (1 + 1 / parts)) end
  elseif kind == 'bounces' then
    exceeds = first and math.min(sum(key, window), sum(beside, window)) > limit
    adds = function() add(beside, window, fresh) end
  elseif kind == 'new_recipients' then
    local more = 0
    if recipient ~= '' and fresh > 0 then
      local score = call('ZSCORE', beside, recipient)
      if not score or tonumber(score) <= now - known_for then more = 1 end
    end
    exceeds = more > 0 and sum(key, window) + more > limit
    adds = function()
      add(key, window, more)
      if recipient ~= '' then note(beside, recipient, known_for) end
    end
  else
    local more = fresh
    if kind == 'messages' then more = first and 1 or 0 end
    exceeds = kind ~= 'bounced' and more > 0 and sum(key, window) + more > limit
    adds = function() add(key, window, more) end
  end
  adding[at] = adds
  if exceeds then
    over[#over + 1] = at - 1
    if ARGV[base + 4] == '1' then refused = true end
  end
end
if not refused then
  for _, adds in ipairs(adding) do adds() end
  call('HSET', KEYS[1], 'first', 1)
  if recipient ~= '' then
    call('HSET', KEYS[1], 'r' .. recipient, 1)
  elseif fresh > 0 then
    call('HINCRBY', KEYS[1], 'others', fresh)
  end
  call('EXPIRE', KEYS[1], {INSTANCE_SECONDS})
end
return over
"""


class RedisCounters:
    """Counters under `redis.key_prefix` and `{limits}:`; a slow Redis is a CountersError."""

    def __init__(self, settings: Settings) -> None:
        self._redis: Redis = open_redis(settings, guarded=True)
        self._prefix = f"{settings.redis.key_prefix}{{limits}}:"  # a hash tag: one slot
        self._timeout = settings.policyd.timeout_seconds
        self._breaker = Breaker(settings.redis.breaker_failures, settings.redis.breaker_seconds)
        self._script = self._redis.register_script(_SCRIPT)

    async def count(self, occasion: Occasion, tallies: Sequence[Tally]) -> tuple[int, ...]:
        """Count: see Counters. Raises CountersError within `policyd.timeout_seconds`."""
        if not self._breaker.admit():
            raise CountersError("redis: spared after failures")
        keys = [f"{self._prefix}i:{occasion.instance}"]
        arguments: list[Any] = [f"{occasion.at:.6f}", occasion.recipient, occasion.recipients]
        for tally in tallies:
            keys += [self._prefix + tally.key, self._prefix + (tally.beside or tally.key)]
            arguments += [tally.kind, tally.over, tally.window, int(tally.refuses), tally.item]
        try:
            async with asyncio.timeout(self._timeout):
                over = await self._script(keys=keys, args=arguments)
        except (RedisError, OSError, TimeoutError) as error:
            self._breaker.failed()
            raise CountersError(f"redis: {str(error) or 'no answer in time'}") from None
        except BaseException:  # cancelled: a probe that never ended must not keep it open
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return tuple(over)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
