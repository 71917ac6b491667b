#!/usr/bin/python3
"""Makes the kernel's tables (drivers/key_layout.h) of keyboard layouts.

Usage: layouts.py OUTPUT.c FILE.layout ...     the first is the one in force at start; a file's name is the layout's

A layout is a text file (UTF-8). Its lines:

    # a comment                     only at the start of a line
    title German                    once: what people call it
    2   2 " ²                       a key: what it has on it on a US keyboard, without Shift; then what it types here:
                                    plain, with Shift, with AltGr, with both. The last two may be left out.
    102nd  < > |                    keys that a US keyboard does not have, or that have no character on them, have
                                    names: 102nd (left of Z), space, keypad. (the keypad's decimal point);
    0x87   \\ _                      or are named by their USB usage (HID Usage Tables, Keyboard page)
    `   dead^ °                     a dead key: it puts its accent on the letter that comes next
    accent ^  aâ eê AÂ              which letters a dead key's accent goes with, and what comes of it; several lines
                                    may be of one accent

What a key types is one character, U+ and its number in hexadecimal, `none`, or `dead` and the accent. Caps Lock and
Ctrl follow from the characters. Enter, the arrows and the like are the same in every layout and stand in none.
"""
import re
import sys
from pathlib import Path

# The keys of a US keyboard by what they type, from USB usage 0x04 on; a hole is a key without a character.
US_KEYS = "abcdefghijklmnopqrstuvwxyz1234567890" + "\0" * 5 + "-=[]\\" + "\0" + ";'`,./"
USAGES = {character: 0x04 + place for place, character in enumerate(US_KEYS) if character != "\0"}
USAGES |= {"space": 0x2C, "keypad.": 0x63, "102nd": 0x64}

LEVELS = 4
DEAD = 0x8000
TITLE_MAX = 40


class LayoutError(Exception):
    """What is wrong with a line."""


def read_usage(word):
    if re.fullmatch(r"0x[0-9a-fA-F]{1,2}", word):
        return int(word, 16)
    if word not in USAGES:
        raise LayoutError(f"'{word}' is no key: a character of a US keyboard, 102nd, space, keypad. or 0xNN")
    return USAGES[word]


def read_character(word):
    """One character as its number."""
    code = int(word[2:], 16) if re.fullmatch(r"U\+[0-9a-fA-F]{2,6}", word) else ord(word) if len(word) == 1 else 0
    if not 0 < code < DEAD:
        raise LayoutError(f"'{word}' is not one character (below U+{DEAD:X})")
    return code


def read_typed(word):
    if word == "none":
        return 0
    if word.startswith("dead") and len(word) > len("dead"):
        return DEAD | read_character(word[len("dead"):])
    return read_character(word)


class Layout:
    """One file: its title, its keys as {usage: characters}, its accents as {(accent, letter): result}."""

    def __init__(self, path):
        self.name = Path(path).stem
        self.title = None
        self.keys = {}
        self.accents = {}
        if not re.fullmatch(r"[a-z0-9-]{1,15}", self.name):
            raise LayoutError(f"{path}: a layout's name is up to 15 of a-z, 0-9 and -")
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise LayoutError(f"{path}: not UTF-8: {error}") from None
        for number, line in enumerate(lines, 1):
            try:
                self.read_line(line)
            except LayoutError as error:
                raise LayoutError(f"{path}:{number}: {error}") from None
        self.check(path)

    def read_line(self, line):
        words = line.split()
        if not words or words[0] == "#":
            return
        if words[0] == "title":
            self.read_title(words[1:])
        elif words[0] == "accent":
            self.read_accents(words[1:])
        else:
            self.read_key(words)

    def read_title(self, words):
        title = " ".join(words)
        if self.title is not None:
            raise LayoutError("a second title")
        if not re.fullmatch(rf'[ !#-\[\]-~]{{1,{TITLE_MAX}}}', title):
            raise LayoutError(f"the title is up to {TITLE_MAX} ASCII characters without \" and \\")
        self.title = title

    def read_key(self, words):
        usage = read_usage(words[0])
        if usage in self.keys:
            raise LayoutError(f"the key '{words[0]}' a second time")
        if not 1 <= len(words) - 1 <= LEVELS:
            raise LayoutError(f"a key types 1 to {LEVELS} characters, not {len(words) - 1}")
        typed = [read_typed(word) for word in words[1:]]
        self.keys[usage] = typed + [0] * (LEVELS - len(typed))

    def read_accents(self, words):
        if len(words) < 2:
            raise LayoutError("after 'accent' come the accent and pairs such as aâ")
        accent = read_character(words[0])
        for pair in words[1:]:
            if len(pair) != 2:
                raise LayoutError(f"'{pair}' is not a letter and that letter with the accent")
            key = (accent, read_character(pair[0]))
            if key in self.accents:
                raise LayoutError(f"'{words[0]}' on '{pair[0]}' a second time")
            self.accents[key] = read_character(pair[1])

    def check(self, path):
        """What no single line shows."""
        dead = {code & ~DEAD for typed in self.keys.values() for code in typed if code & DEAD}
        accents = {accent for accent, _ in self.accents}
        if self.title is None:
            raise LayoutError(f"{path}: no title")
        if not self.keys:
            raise LayoutError(f"{path}: no keys")
        for accent in dead - accents:
            raise LayoutError(f"{path}: no 'accent {chr(accent)}' line says what the dead key does")
        for accent in accents - dead:
            raise LayoutError(f"{path}: no dead key gives the accent {chr(accent)}")


def table(name, kind, rows):
    return f"static const struct {kind} {name}[] = {{\n" + "".join(f"    {row},\n" for row in rows) + "};\n\n"


HEAD = """/* Written by image/layouts.py; drivers/key_layout.h says what it means. */
#include "drivers/key_layout.h"

"""


def source(layouts):
    text, heads = HEAD, []
    for number, layout in enumerate(layouts):
        text += table(f"keys_{number}", "key_row",
                      [f"{{0x{usage:02X}, {{{', '.join(f'0x{code:04X}' for code in typed)}}}}}"
                       for usage, typed in sorted(layout.keys.items())])
        if layout.accents:
            text += table(f"accents_{number}", "key_accent",
                          [f"{{0x{accent:04X}, 0x{letter:04X}, 0x{result:04X}}}"
                           for (accent, letter), result in sorted(layout.accents.items())])
        accents = f"accents_{number}" if layout.accents else "NULL"
        heads.append(f'    {{"{layout.name}", "{layout.title}", keys_{number}, {len(layout.keys)}, '
                     f'{len(layout.accents)}, {accents}}},\n')
    text += f"const struct key_layout key_layouts[] = {{\n{''.join(heads)}}};\n"
    text += f"const uint32_t key_layout_count = {len(layouts)};\n"
    return f'{text}const char key_layout_names[] = "{" ".join(layout.name for layout in layouts)}";\n'


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    try:
        layouts = [Layout(path) for path in arguments[1:]]
    except (LayoutError, OSError) as error:
        sys.exit(f"layouts.py: {error}")
    Path(arguments[0]).write_text(source(layouts), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
