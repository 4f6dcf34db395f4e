"""The script that keeps entities in Redis, generated from features.rolling.KINDS.

One call has the operations of a batch on one shard, packed, in the order of arrival. Each kind's
arithmetic is unrolled: what `fold` does over a kind's fields in Python, the script does over local
variables, at a tenth of the time of a loop over tables.
"""

import struct
from collections.abc import Mapping
from typing import Final

from features.rolling import DAY, HALF_LIVES, KINDS, REGISTERS, SIGHTING_BYTES, Kind
from streams.stores.budgets import SEGMENTS, Share

__all__ = ["HEAD", "SHELF", "SLOTS", "rolling_script", "slot_of"]

HEAD: Final = struct.Struct("<HBddHHB")
"""An operation's head: index of its mark in the call (0: none), whether it adds (1) and is the
first of its message (2), offset, time (s), bytes of items, bytes of tag, slot. The entity's key
(12 bytes), the items and the tag follow."""
SHELF: Final = struct.Struct("<BBIBBI")
"""Segments of a shard and kind: newest number (modulo 256), how many, when the newest began (whole
seconds); of full records, then of sightings."""
SLOTS: Final = 26  # a slot for each letter that a kind's code may be
_FIRST_SLOT: Final = ord("a")

_FRAME: Final = """
local call, sub, byte, char, rep = redis.call, string.sub, string.byte, string.char, string.rep
local pack, unpack_, floor, huge = struct.pack, struct.unpack, math.floor, math.huge
local base = sub(KEYS[1], 1, -2)
local arrival = ARGV[1] == 'a'
local ops = ARGV[2]

local have = call('HMGET', KEYS[1], 'state', 'segments', unpack(ARGV, 3))
if have[1] ~= 'open' then return redis.status_reply('CLOSED') end
local marks, raised = {}, {}
for at = 3, #ARGV do marks[at - 2] = tonumber(have[at] or -1) end
local segments = have[2] or rep('\\0', @TABLE)

-- Most full records and sightings of a segment, seconds that it takes them, seconds to its end.
local function share(slot)
@SHARES
end

local function later(tag, other)  -- by bytes: the language's own comparison follows the locale
  for at = 1, #tag do
    local a, b = byte(tag, at), byte(other, at)
    if not b or a > b then return true end
    if a < b then return false end
  end
  return false
end

local function fold(slot, record, at, items, tag, arrival)
@FOLDS
end

-- Segments are numbered; their keys are the last digit in base 8, as no more than 4 live at once.
local function segment(class, number)
  return class.key .. char(48 + number % 8)
end

local shelves = {}
local function shelf_of(slot)
  local shelf = shelves[slot]
  if not shelf then
    local full, fulls, began, small, smalls, begun =
      unpack_('<BBI4BBI4', segments, slot * @SHELF + 1)
    local most, smallest, span, expires = share(slot)
    local letter = char(slot + @FIRST)
    shelf = {
      full = {key = base .. 'f' .. letter, newest = full, count = fulls, began = began,
              most = most, size = false},
      small = {key = base .. 's' .. letter, newest = small, count = smalls, began = begun,
               most = smallest, size = false},
      span = span, expires = expires,
    }
    shelves[slot] = shelf
  end
  return shelf
end

local function whole(at)
  return at < 0 and 0 or at > 4294967295 and 4294967295 or floor(at)
end

local function begin(slot, shelf, class, at)
  class.newest, class.began, class.size = (class.newest + 1) % 256, whole(at), 0
  if class.count == @SEGMENTS then
    call('UNLINK', segment(class, class.newest - @SEGMENTS))
  else
    class.count = class.count + 1
  end
  local full, small = shelf.full, shelf.small
  local packed = pack('<BBI4BBI4', full.newest, full.count, full.began,
                      small.newest, small.count, small.began)
  segments = sub(segments, 1, slot * @SHELF) .. packed .. sub(segments, (slot + 1) * @SHELF + 1)
  call('HSET', KEYS[1], 'segments', segments)
end

local function find(class, key)
  for number = class.newest, class.newest - class.count + 1, -1 do
    local record = call('HGET', segment(class, number), key)
    if record then return record, class, number end
  end
  return false
end

local function keep(entity)
  local slot, key, record, shelf = entity.slot, entity.key, entity.record, entity.shelf
  local class = #record > @SIGHTING and shelf.full or shelf.small
  if class.count == 0 or entity.at - class.began > shelf.span then
    begin(slot, shelf, class, entity.at)
  end
  if entity.class == class and entity.number == class.newest then
    call('HSET', segment(class, class.newest), key, record)
    return
  end
  local size = class.size or call('HLEN', segment(class, class.newest))
  if size >= class.most then
    begin(slot, shelf, class, entity.at)
    size = 0
  end
  if entity.class then
    call('HDEL', segment(entity.class, entity.number), key)
    if entity.number == entity.class.newest then entity.class.size = false end
  end
  call('HSET', segment(class, class.newest), key, record)
  if size == 0 then call('EXPIRE', segment(class, class.newest), shelf.expires) end
  class.size = size + 1
end

local entities, changed, found = {}, {}, {}
local place, applies, answered = 1, false, 0
while place <= #ops do
  local mark, adds, offset, at, items, tag, name
  mark, adds, offset, at, items, tag, name, place = unpack_('<I2BddI2I2c13', ops, place)
  local items_at, tag_at = place, place + items
  place = tag_at + tag
  if adds > 1 then  -- asked of each message anew: a place may come twice in a batch
    applies, adds = mark == 0 or offset > marks[mark], adds - 2
  end
  local entity = entities[name]
  if not entity then
    local slot, key = byte(name), sub(name, 2)
    local shelf = shelf_of(slot)
    local record, class, number = find(shelf.full, key)
    if not record then record, class, number = find(shelf.small, key) end
    entity = {slot = slot, key = key, shelf = shelf, record = record, class = class,
              number = number, at = false, changed = false}
    entities[name] = entity
  end
  if applies and adds == 1 and items > 0 then
    if mark > 0 then marks[mark], raised[mark] = offset, true end
    items, tag = sub(ops, items_at, tag_at - 1), sub(ops, tag_at, place - 1)
    local record, slot = entity.record, entity.slot
    if not record then
      if tag == '' and #items + 8 <= @SIGHTING then
        record = pack('<d', at) .. items
      else
        record = fold(slot, nil, at, items, tag, arrival)
      end
    else
      local small = #record <= @SIGHTING
      local first = small and unpack_('<d', record)
      if small and first == at and not arrival and tag == ''
         and #record + #items <= @SIGHTING then
        record = record .. items
      else
        if small then record = fold(slot, nil, first, sub(record, 9), '', true) end
        record = fold(slot, record, at, items, tag, arrival)
      end
    end
    entity.record, entity.at = record, at
    if not entity.changed then
      entity.changed = true
      changed[#changed + 1] = entity
    end
  end
  answered = answered + 1
  found[answered] = entity.record
end
for mark in pairs(raised) do  -- before the entities: full memory may lose a count, never double it
  call('HSET', KEYS[1], ARGV[mark + 2], string.format('%.0f', marks[mark]))
end
for _, entity in ipairs(changed) do keep(entity) end
if arrival then return found end
return redis.status_reply('OK')
"""


def slot_of(kind: Kind) -> int:
    """Return the number by which the script knows a kind: its code's place in the alphabet."""
    return ord(kind.code) - _FIRST_SLOT


def rolling_script(shares: Mapping[str, Share]) -> str:
    """Return the script for these shares of the kinds' budgets, by the kinds' names.

    KEYS: the shard's bookkeeping, `...:m`. ARGV: the step (`a` arrival, `o` outcome), the packed
    operations, the names of the marks that they refer to. Answers CLOSED without a change where
    the namespace isn't open, else for an arrival the record of each operation's entity after it.
    """
    constants = {
        "@SHARES": "\n".join(_share(kind, shares[kind.name]) for kind in KINDS.values()),
        "@FOLDS": "\n".join(_fold(kind) for kind in KINDS.values()),
        "@TABLE": str(SHELF.size * SLOTS),
        "@SHELF": str(SHELF.size),
        "@SEGMENTS": str(SEGMENTS),
        "@SIGHTING": str(SIGHTING_BYTES),
        "@FIRST": str(_FIRST_SLOT),
    }
    script = _FRAME
    for name, text in constants.items():
        script = script.replace(name, text)
    return script


def _share(kind: Kind, share: Share) -> str:
    numbers = f"{share.entities}, {share.sightings}, {share.span!r}, {share.expires}"
    return f"  if slot == {slot_of(kind)} then return {numbers} end"


def _fold(kind: Kind) -> str:
    """Return the branch of one kind, as features.rolling.fold on local variables n0, n1, ..."""
    names = [f"n{at}" for at in range(kind.doubles)]
    every = ", ".join(names)
    pattern = "<" + "d" * kind.doubles
    sketched = bool(kind.sketches)
    start = ["at", "at", "-huge", *("0" for _ in kind.places), *(["day"] if sketched else [])]
    lines = [f"if slot == {slot_of(kind)} then", f"  local {every}"]
    if sketched:
        lines += [f"  local day, sketches = floor(at / {DAY:.0f})"]
    if kind.tagged:
        lines += ["  local old = ''"]
    lines += [
        "  if record then",
        f"    {every} = unpack_('{pattern}', record)",
        *([f"    sketches = sub(record, {8 * kind.doubles + 1}, {kind.size})"] * sketched),
        *([f"    old = sub(record, {kind.size + 1})"] * kind.tagged),
        "  else",
        f"    {every} = {', '.join(start)}",
        *([f"    sketches = rep('\\0', {kind.size - 8 * kind.doubles})"] * sketched),
        "  end",
        "  local newest = n1",
        *_tagging(kind),
        "  if arrival and record then",
        "    if at < n0 then n0 = at end",
        "    local seen = at < newest and at or newest",
        "    if seen > n2 then n2 = seen end",
        "  end",
        *_decay(kind),
        *(_rotation(kind) if sketched else []),
        *_items(kind),
        f"  return pack('{pattern}', {every})"
        + (" .. sketches" if sketched else "")
        + (" .. old" if kind.tagged else ""),
        "end",
    ]
    return "\n".join(f"  {line}" for line in lines)


def _tagging(kind: Kind) -> list[str]:
    if not kind.tagged:
        return []
    newer = "old == '' or at > newest or (at == newest and later(tag, old))"
    return [f"  if tag ~= '' and ({newer}) then old = tag end"]


def _lives(kind: Kind) -> list[str]:
    return sorted({part for _, part in kind.places if part})


def _decay(kind: Kind) -> list[str]:
    """What was counted ages to the increment's time; what comes late is aged itself (`b...`)."""
    lives = _lives(kind)
    if not lives:
        return ["  if at > newest then n1 = at end"]
    ones = ", ".join("1" for _ in lives)
    lines = [f"  local {', '.join(f'b{part}' for part in lives)} = {ones}"]
    lines += ["  if at > newest then", "    n1 = at"]
    for part in lives:
        factor = f"2 ^ ((newest - at) / {HALF_LIVES[part]:.0f})"
        lines.append(f"    local f{part} = {factor}")
        lines += [
            f"    n{place} = n{place} * f{part}"
            for (_, other), place in kind.places.items()
            if other == part
        ]
    lines.append("  elseif at < newest then")
    lines += [f"    b{part} = 2 ^ ((at - newest) / {HALF_LIVES[part]:.0f})" for part in lives]
    return [*lines, "  end"]


def _rotation(kind: Kind) -> list[str]:
    day = f"n{kind.doubles - 1}"
    today = [
        f"sub(sketches, {start + 1}, {start + REGISTERS})"
        for start in range(0, 2 * REGISTERS * len(kind.sketches), 2 * REGISTERS)
    ]
    moved = " .. ".join(f"none .. {part}" for part in today)
    return [
        f"  if day == {day} + 1 then",
        f"    local none = rep('\\0', {REGISTERS})",
        f"    sketches = {moved}",
        f"  elseif day > {day} then",
        f"    sketches = rep('\\0', {kind.size - 8 * kind.doubles})",
        "  end",
        f"  if day > {day} then {day} = day end",
    ]


def _items(kind: Kind) -> list[str]:
    lines = ["  for i = 1, #items, 3 do", "    local code, x, y = byte(items, i, i + 2)"]
    lines += ["    local n = x * 256 + y", "    if n > 32767 then n = n - 65536 end"]
    word = "if"
    for code, counter in enumerate(kind.counters):
        lines.append(f"    {word} code == {code} then")
        place = kind.places[counter.name, ""]
        lines.append(f"      n{place} = n{place} + n")
        for part in counter.half_lives:
            place = kind.places[counter.name, part]
            lines.append(f"      n{place} = n{place} + n * b{part}")
        word = "elseif"
    if kind.sketches:
        first = kind.sketch_codes[kind.sketches[0]]
        lines += [
            f"    elseif code >= {first} then",
            f"      local behind = n{kind.doubles - 1} - day",
            "      if behind <= 1 then",
            f"        local spot = (2 * (code - {first}) + behind) * {REGISTERS} + x + 1",
            "        if y > byte(sketches, spot) then",
            "          sketches = sub(sketches, 1, spot - 1) .. char(y) .. sub(sketches, spot + 1)",
            "        end",
            "      end",
        ]
    return [*lines, "    end", "  end"]
