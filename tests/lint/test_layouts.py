"""drivers/layouts against X11's keyboard data and Unicode, and image/layouts.py against files that are wrong."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "image"), str(ROOT / "tests" / "lint")]

import layouts
import xkb

FILES = sorted((ROOT / "drivers" / "layouts").glob("*.layout"))
COMBINING = {"^": "\u0302", "´": "\u0301", "`": "\u0300", "¨": "\u0308"}

# Where we know better: a US keyboard of the European form has \| there (and so calls it the USB standard), not <>.
OTHERWISE = {("us", "102nd"): ["\\", "|", None, None]}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def layout(request):
    return layouts.Layout(request.param)


def shown(code):
    return ("dead" if code & layouts.DEAD else "") + chr(code & ~layouts.DEAD) if code else None


def test_keys_are_those_of_x11(layout):
    """Plain and with Shift all keys, none more and none less; with AltGr those that are printed on a keyboard."""
    keymap = xkb.Keymap(layout.name)
    assert set(layout.keys) | {layouts.USAGES["keypad."]} == {layouts.USAGES[key] for key in xkb.EVDEV}
    for key in sorted(set(xkb.EVDEV) - {"keypad."}):
        ours = [shown(code) for code in layout.keys[layouts.USAGES[key]]]
        theirs = OTHERWISE.get((layout.name, key)) or keymap.typed(key)
        assert ours[:2] == theirs[:2], key
        assert [character for character in ours[2:] if character] == \
               [theirs[level] for level in (2, 3) if ours[level]], key


def test_keypad_point_is_that_of_x11(layout):
    typed = layout.keys.get(layouts.USAGES["keypad."], [ord(".")])
    assert chr(typed[0]) == xkb.Keymap(layout.name).typed("keypad.")[1]  # there it is what Num Lock gives


def test_all_of_ascii_can_be_typed(layout):
    """The monitor needs it: no command, no name may be out of a person's reach."""
    typed = {code & ~layouts.DEAD for codes in layout.keys.values() for code in codes}  # a dead one with a blank
    missing = {chr(code) for code in range(0x21, 0x7F)} - {chr(code) for code in typed}
    assert not missing


def test_accents_are_those_of_unicode(layout):
    for (accent, letter), result in layout.accents.items():
        assert unicodedata.normalize("NFC", chr(letter) + COMBINING[chr(accent)]) == chr(result)
    for accent in {accent for accent, _ in layout.accents}:
        for letter in map(chr, [*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)]):
            whole = unicodedata.normalize("NFC", letter + COMBINING[chr(accent)])
            if len(whole) == 1 and ord(whole) < 0x100:
                assert (accent, ord(letter)) in layout.accents, f"{chr(accent)} on {letter}"


def make(tmp_path, text, name="xx.layout"):
    """What image/layouts.py says to the file; "" when it is content."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    ran = subprocess.run([ROOT / "image" / "layouts.py", tmp_path / "out.c", path], capture_output=True, text=True)
    assert (ran.returncode == 0) == (tmp_path / "out.c").exists() == (ran.stderr == "")
    return ran.stderr


GOOD = "# a comment\n\ntitle Some\na a A\n"


def test_good_file_is_made(tmp_path):
    assert make(tmp_path, GOOD + "q dead^ none U+20AC £\n102nd < >\n0x87 \\ _\n# # #\naccent ^ aâ\naccent ^ eê\n") == ""
    made = (tmp_path / "out.c").read_text()
    for row in ("{0x14, {0x805E, 0x0000, 0x20AC, 0x00A3}}", "{0x64, {0x003C, 0x003E, 0x0000, 0x0000}}",
                "{0x87, {0x005C, 0x005F, 0x0000, 0x0000}}", "{0x005E, 0x0065, 0x00EA}", '{"xx", "Some", keys_0, 4, 2,'):
        assert row in made


@pytest.mark.parametrize("text, expected", [
    (GOOD + "é e E\n", "xx.layout:5: 'é' is no key"),
    (GOOD + "enter e\n", ":5: 'enter' is no key"),
    (GOOD + "0x1FF e\n", ":5: '0x1FF' is no key"),
    (GOOD + "a b B\n", ":5: the key 'a' a second time"),
    (GOOD + "0x04 b B\n", ":5: the key '0x04' a second time"),
    (GOOD + "b\n", ":5: a key types 1 to 4 characters, not 0"),
    (GOOD + "b 1 2 3 4 5\n", ":5: a key types 1 to 4 characters, not 5"),
    (GOOD + "b bb\n", ":5: 'bb' is not one character"),
    (GOOD + "b U+1F600\n", ":5: 'U+1F600' is not one character"),
    (GOOD + "b \U0001F600\n", "is not one character"),
    (GOOD + "b U+0\n", "is not one character"),
    (GOOD + "b deadx^\n", ":5: 'x^' is not one character"),
    (GOOD + "title Other\n", ":5: a second title"),
    ("title\n", ":1: the title is up to"),
    ("title a\"b\n", ":1: the title is up to"),
    ("title é\n", ":1: the title is up to"),
    (GOOD + "accent ^\n", ":5: after 'accent' come"),
    (GOOD + "b dead^\naccent ^ aâ aâ\n", ":6: '^' on 'a' a second time"),
    (GOOD + "b dead^\naccent ^ aâe\n", ":6: 'aâe' is not a letter and"),
    (GOOD + "b dead^\n", "xx.layout: no 'accent ^' line"),
    (GOOD + "accent ^ aâ\n", "no dead key gives the accent ^"),
    ("a a A\n", "xx.layout: no title"),
    ("title Some\n", "no keys"),
    (GOOD.encode() + b"b \xff\n", "not UTF-8"),
])
def test_bad_file_is_told_with_its_line(tmp_path, text, expected):
    assert expected in make(tmp_path, text)


def test_bad_name_and_missing_file_are_told(tmp_path):
    assert "a layout's name" in make(tmp_path, GOOD, name="Xx.layout")
    ran = subprocess.run([ROOT / "image" / "layouts.py", tmp_path / "out.c", "gone.layout"], capture_output=True,
                         text=True)
    assert ran.returncode != 0 and "gone.layout" in ran.stderr and "Traceback" not in ran.stderr
