"""What a screen says: the text of a screen dump, read back cell by cell through the font that drew it."""

import gzip
import re
import sys
from pathlib import Path

import machine

sys.path[:0] = [str(machine.ROOT / "image")]

import font  # noqa: E402  (image/font.py, which reads the fonts for the build)

FONTS = Path("/usr/share/consolefonts")  # image/setup: font
BLACK = b"\0\0\0"
UNKNOWN = "\N{REPLACEMENT CHARACTER}"

# kernel/base/mark.c
MARK_PARTS, MARK_BLOCK_LEAST, MARK_MARGIN_BLOCKS = 120, 8, 4


def glyphs(name):
    """(width, height, {bitmap, a byte a pixel: character})."""
    with gzip.open(FONTS / f"spleen-{name}.psfu.gz") as file:
        width, height, bitmaps, numbers = font.read_psf(file.read())
    stride = (width + 7) // 8
    characters = {}
    for code_point in sorted(numbers):
        rows = bitmaps[numbers[code_point]]
        bits = (f"{int.from_bytes(rows[at:at + stride], 'big'):0{8 * stride}b}" for at in range(0, len(rows), stride))
        characters.setdefault("".join(bits).encode().translate(bytes.maketrans(b"01", b"\0\1")), chr(code_point))
    characters[b"\1" * (width * height)] = " "  # the cursor on a blank, rather than a full block
    return width, height, characters


class Screen:
    """A screen dump of a machine (harness.Running), or of that machine's file."""

    def __init__(self, keel, path, name="8x16"):
        keel.qmp.command("screendump", filename=str(path))
        header, pixels = Path(path).read_bytes().split(b"\n255\n", 1)  # PPM: "P6\nWIDTH HEIGHT\n255\n", then pixels
        self.width, self.height = map(int, header.split()[1:])
        self.pixels = pixels
        # A byte a pixel: 1 where it is not black. As numbers of megabytes, which is fast.
        channels = (int.from_bytes(pixels[at::3], "big") for at in range(3))
        lit = next(channels) | next(channels) | next(channels)
        self.lit = lit.to_bytes(self.width * self.height, "big").translate(bytes([0] + [1] * 255))
        self.cell_width, self.cell_height, self.characters = glyphs(name)
        self.columns, self.rows = self.width // self.cell_width, self.height // self.cell_height

    def character(self, column, row):
        start = row * self.cell_height * self.width + column * self.cell_width
        bitmap = b"".join(self.lit[at:at + self.cell_width]
                          for at in range(start, start + self.cell_height * self.width, self.width))
        reverse = bitmap.translate(bytes([1, 0] + [0] * 254))  # the cursor, and the banner of an older page
        return self.characters.get(bitmap) or self.characters.get(reverse) or UNKNOWN

    def lines(self):
        """All rows, without the blanks at their ends."""
        return ["".join(self.character(column, row) for column in range(self.columns)).rstrip()
                for row in range(self.rows)]

    def colour(self, column, row):
        """What most of a character's ink has: (red, green, blue)."""
        counts = {}
        for y in range(row * self.cell_height, (row + 1) * self.cell_height):
            for x in range(column * self.cell_width, (column + 1) * self.cell_width):
                at = 3 * (y * self.width + x)
                pixel = self.pixels[at:at + 3]
                counts[pixel] = counts.get(pixel, 0) + (pixel != BLACK)
        return tuple(max(counts, key=counts.get))

    def marks(self):
        """How many blocks stand along the top edge (kernel/base/mark.h)."""
        block = max(self.width // MARK_PARTS, MARK_BLOCK_LEAST)
        margin = block // MARK_MARGIN_BLOCKS
        pitch = block + 2 * margin
        count = 0
        while self.is_block(count * pitch, block, margin):
            count += 1
        return count

    def is_block(self, left, block, margin):
        def row(y, start, length):
            at = 3 * (y * self.width + start)
            return self.pixels[at:at + 3 * length]
        inside = all(row(y, left + margin, block) == b"\xff" * 3 * block for y in range(margin, margin + block))
        around = all(row(y, left, block + 2 * margin) == BLACK * (block + 2 * margin) for y in range(margin))
        return inside and around


def expected(text, columns):
    """The lines of a serial line as a screen of so many columns has them: the kernel's, wrapped."""
    begin = text.index("keel: calling SetVirtualAddressMap\n")
    lines = re.sub(r"\nadversary: .*\n", "", text[begin:]).split("\n")[1:]  # its lines are the port's alone
    return [line[at:at + columns].rstrip() for line in lines for at in range(0, max(len(line), 1), columns)]


def shown(screen):
    """The lines of a screen from the first to the last that says something."""
    lines = screen.lines()
    while lines and not lines[-1]:
        lines.pop()
    return lines
