#!/usr/bin/python3
"""A font for the image: the glyphs that the kernel looks up, packed (drivers/font.h has the format).

Usage:
    font.py FONT.psfu.gz OUTPUT

Reads PSF1 and PSF2 (kbd's doc/font-formats). Latin-1, box drawing, blocks and shapes are kept, in the order of
their glyphs' code points, '?' first, because that is what stands for all that a font lacks.
"""
import gzip
import struct
import sys

LATIN = range(0x00, 0x100)
BOXES = range(0x2500, 0x2600)

PSF1_MAGIC, PSF1_512_GLYPHS, PSF1_SEQUENCE, PSF1_END = b"\x36\x04", 1, 0xFFFE, 0xFFFF
PSF2_MAGIC, PSF2_SEQUENCE, PSF2_END = b"\x72\xb5\x4a\x86", b"\xfe", b"\xff"

# LZ4: the shortest match, how far back it may lie, and what must stand behind the last one as it is.
MATCH_LEAST, OFFSET_MAX, TAIL_BYTES = 4, 65535, 5

# How hard is looked for a match; more makes a font some bytes smaller, and the build slower.
CANDIDATES, LONG_MATCH = 64, 64


def read_psf(data):
    """(width, height, glyphs, {code point: glyph number})."""
    if data[:2] == PSF1_MAGIC:
        count, height = 512 if data[2] & PSF1_512_GLYPHS else 256, data[3]
        width, size, start = 8, height, 4
        units = struct.iter_unpack("<H", data[start + count * size:])
        entries, entry = [], []
        for (unit,) in units:
            if unit == PSF1_END:
                entries.append(entry)
                entry = []
            else:
                entry.append(unit)
        entries = [entry[:entry.index(PSF1_SEQUENCE)] if PSF1_SEQUENCE in entry else entry for entry in entries]
    elif data[:4] == PSF2_MAGIC:
        start, _, count, size, height, width = struct.unpack_from("<6I", data, 8)
        table = data[start + count * size:].split(PSF2_END)[:count]
        entries = [[ord(c) for c in entry.split(PSF2_SEQUENCE)[0].decode()] for entry in table]
    else:
        sys.exit("not a PSF font")
    glyphs = [data[start + n * size:start + (n + 1) * size] for n in range(count)]
    numbers = {}
    for number, entry in enumerate(entries):
        for code_point in entry:
            numbers.setdefault(code_point, number)
    return width, height, glyphs, numbers


def pick(glyphs, numbers):
    """The slots, a byte for each code point that is looked up, and the glyphs that they name."""
    kept = [numbers[ord("?")]]
    slots = bytearray()
    for code_point in (*LATIN, *BOXES):
        number = numbers.get(code_point, kept[0])
        if number not in kept:
            kept.append(number)
        slots.append(kept.index(number))
    return bytes(slots), [glyphs[number] for number in kept]


def length_bytes(length):
    """What follows a nibble of 15."""
    return bytes([255]) * ((length - 15) // 255) + bytes([(length - 15) % 255]) if length >= 15 else b""


def sequence(literals, offset=0, match=0):
    """One of LZ4's sequences; without a match, the last."""
    extra = match - MATCH_LEAST if match else 0
    token = bytes([min(len(literals), 15) << 4 | min(extra, 15)])
    behind = struct.pack("<H", offset) + length_bytes(extra) if match else b""
    return token + length_bytes(len(literals)) + literals + behind


def longest_matches(data):
    """For each place a long match before it: (length, offset). A long one goes on at the next place, one shorter."""
    places, found = {}, [(0, 0)]
    for at in range(len(data)):
        length, offset = found[-1]
        best = (length - 1, offset) if length > LONG_MATCH else (0, 0)
        limit = max(len(data) - TAIL_BYTES - at, 0)
        candidates = places.setdefault(data[at:at + MATCH_LEAST], [])
        for start in reversed(candidates[-CANDIDATES:] if best == (0, 0) else ()):
            length = 0
            while length < limit and data[start + length] == data[at + length]:
                length += 1
            if length > max(best[0], MATCH_LEAST - 1) and at - start <= OFFSET_MAX:
                best = (length, at - start)
        candidates.append(at)
        found.append(best)
    return found[1:]


def pack(data):
    """LZ4, as small as it gets: from the end, the cheapest way on from each place. A literal is a byte, a match 3."""
    found = longest_matches(data)
    cost, step = [0] * (len(data) + 1), [1] * len(data)
    for at in reversed(range(len(data))):
        cost[at] = cost[at + 1] + 1
        longest = found[at][0] if found[at][0] >= MATCH_LEAST else 0
        for length in {longest, *range(MATCH_LEAST, min(longest, 19))} - {0}:
            price = 3 + len(length_bytes(length - MATCH_LEAST)) + cost[at + length]
            if price < cost[at]:
                cost[at], step[at] = price, length
    packed, at, literals = b"", 0, 0
    while at < len(data):
        if step[at] > 1:
            packed += sequence(data[literals:at], found[at][1], step[at])
            literals = at + step[at]
        at += step[at]
    return packed + sequence(data[literals:])


def main(source, target):
    with gzip.open(source) as file:
        width, height, glyphs, numbers = read_psf(file.read())
    slots, kept = pick(glyphs, numbers)
    if width % 8 != 0 or len(kept) > 256:
        sys.exit(f"{source}: {width} pixels wide, {len(kept)} glyphs")
    with open(target, "wb") as file:
        file.write(struct.pack("<BBH", width, height, len(kept)) + pack(slots + b"".join(kept)))


if __name__ == "__main__":
    main(*sys.argv[1:])
