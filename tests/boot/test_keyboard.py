"""The machine's PS/2 keyboard: what its keys type in each layout, locks and their lights, repeat.

What is typed is read from the line editor's echo on the serial line. Keys have QEMU's names, those of a US keyboard.
"""

import re
import time

import pytest

import harness

RIGHT_ALT = "alt_r"

# Keys and what the editor shows; "\a" is its refusal of what is not ASCII. Every key that differs from a US keyboard's,
# AltGr's printed characters, the 102nd key, dead keys with a letter, with a blank, and twice.
US = [
    ("a shift+a z shift+z 1 shift+1 2 shift+2 minus shift+minus equal shift+equal", "aAzZ1!2@-_=+"),
    ("grave_accent shift+grave_accent bracket_left shift+bracket_left bracket_right shift+bracket_right", "`~[{]}"),
    ("semicolon shift+semicolon apostrophe shift+apostrophe backslash shift+backslash less shift+less", ";:'\"\\|\\|"),
    ("comma shift+comma dot shift+dot slash shift+slash shift_r+7 spc kp_divide kp_multiply", ",<.>/?& /*"),
]
DE = [
    ("y shift+y z shift+z minus shift+minus shift+2 shift+6 shift+7 shift+8 shift+9 shift+0", "zZyY\a?\"&/()="),
    ("alt_r+q alt_r+7 alt_r+8 alt_r+9 alt_r+0 alt_r+minus alt_r+bracket_right alt_r+less less shift+less",
     "@{[]}\\~|<>"),
    ("bracket_left shift+semicolon apostrophe alt_r+e alt_r+m shift+3", "\a\a\a\a\a\a"),
    ("bracket_right shift+bracket_right backslash shift+backslash slash shift+slash shift+comma shift+dot", "+*#'-_;:"),
    ("grave_accent spc grave_accent grave_accent grave_accent x shift+equal spc shift+equal q", "^^^x``q"),
    ("grave_accent a equal e b", "\a\ab"),
]
FR = [
    ("q a w z m comma semicolon shift+q shift+semicolon", "aqzw,;mAM"),
    ("1 shift+1 3 shift+3 4 5 6 8 shift+2 shift+0 minus equal shift+equal", "&1\"3'(-_20)=+"),
    ("alt_r+3 alt_r+4 alt_r+5 alt_r+6 alt_r+7 alt_r+8 alt_r+9 alt_r+0 alt_r+minus alt_r+equal alt_r+2",
     "#{[|`\\^@]}~"),
    ("2 7 9 0 apostrophe shift+apostrophe alt_r+e", "\a\a\a\a\a%\a"),
    ("shift+m shift+comma dot shift+dot slash bracket_right backslash less shift+less", "?.:/!$*<>"),
    ("bracket_left spc bracket_left bracket_left bracket_left x bracket_left e b", "^^^x\ab"),
]


def at_prompt(keel):
    """Waits until the editor is ready; where the output stands then."""
    keel.ready()
    keel.wait(r"keel> \Z")
    return keel.mark()


def typed(keel, keys, expected):
    """Presses the keys; the editor shows what is expected, and then an empty line again."""
    start = keel.mark()
    keel.press(*keys.split())
    keel.wait(re.escape(expected), start)
    assert keel.output(start) == expected
    keel.press("ctrl+c")
    keel.wait(r"keel> \Z", start)


@pytest.mark.parametrize("name, rows", [("us", US), ("de", DE), ("fr", FR)], ids=["us", "de", "fr"])
def test_layout(name, rows):
    """Shift, AltGr and dead keys through the i8042, in the layout of the command line."""
    with harness.Running(f"keymap={name}", memory="512M", cpus=1) as keel:
        at_prompt(keel)
        keel.command("keymap", rf"^\* {name} ")
        keel.wait(r"keel> \Z")
        for keys, expected in rows:
            typed(keel, keys, expected)


def test_layout_at_the_monitor():
    """A person who finds Y where Z should be; a name that does not exist is answered with those that do."""
    with harness.Running("keymap=qwerty", memory="512M", cpus=1) as keel:
        start = at_prompt(keel)
        assert "keymap: there is no 'qwerty'; there are: us de fr" in keel.output()
        keel.type_on_keyboard("keymap de\n")
        keel.wait(r"keymap de\nkeel> \Z", start)
        typed(keel, "y", "z")
        start = keel.mark()
        keel.type_on_keyboard("kezmap\n")  # which is what the keys are called, not what they type
        keel.wait(r"^\* de +German$", start)
        keel.command("keymap klingon", r"there is no 'klingon'; there are: us de fr$")
        keel.command("keymap", r"^\* de ")


def lights(keel, start=0):
    """What QEMU's keyboard was told to light, from `start` of its words on: Scroll 1, Num 2, Caps 4."""
    return [int(state) for state in re.findall(r"ps2_set_ledstate.*ledstate (\d)", keel.words()[start:])]


def until(condition):
    """For what is seen in QEMU's log and not on a line that can be waited for."""
    deadline = time.monotonic() + harness.BOOT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_locks_and_lights():
    """The locks change what is typed, and the keyboard itself says what it was told to show."""
    with harness.Running(memory="512M", cpus=1) as keel:
        keel.qmp.command("human-monitor-command", command_line="trace-event ps2_set_ledstate on")
        at_prompt(keel)
        until(lambda: lights(keel)[-1:] == [0])  # whatever firmware left lit
        for key, state, keys, expected in [("caps_lock", 4, "a shift+a 1", "Aa1"),
                                           ("num_lock", 6, "kp_7 kp_decimal", "7."),
                                           ("scroll_lock", 7, "b", "B"),
                                           ("caps_lock", 3, "a", "a"),
                                           ("num_lock", 1, "q kp_4 b", "q\bbq\b")]:
            keel.press(key)
            until(lambda: lights(keel)[-1:] == [state])
            typed(keel, keys, expected)
        keel.command("keymap", r"^locks: num off, caps off, scroll on\nkeyboard: PS/2, lights as the locks$")


def test_held_key_repeats_until_it_is_let_go():
    """By our own clock: QEMU's keyboard repeats nothing by itself."""
    with harness.Running(memory="512M", cpus=1) as keel:
        start = at_prompt(keel)
        keel.keys(("x", True))
        keel.wait("xxxx", start)
        keel.keys(("x", False), ("y", True), ("y", False))
        keel.wait("y", start)
        end = keel.mark()
        time.sleep(1)
        assert keel.output(end) == ""


def test_repeats_of_the_keyboard_are_no_keys():
    """A real PS/2 keyboard sends a held key again and again: two sources would repeat it twice as fast."""
    with harness.Running(memory="512M", cpus=1) as keel:
        start = at_prompt(keel)
        keel.keys(("x", True), ("x", True), ("x", True), ("x", False), ("y", True), ("y", False))
        keel.wait("y", start)
        assert keel.output(start) == "xy"


def test_without_a_keyboard():
    """No controller: it is said, and the serial line is as good as ever."""
    with harness.Running("keymap=de", memory="512M", cpus=1, extra=["-machine", "i8042=off"]) as keel:
        keel.ready()
        keel.command("keymap", r"^keyboard: none$")
