"""What X11's keyboard data says that keys type: an opinion on drivers/layouts that nobody here wrote.

libxkbcommon reads xkb-data's files; both come with QEMU. Its own key numbers are those of Linux's evdev, plus 8.
"""

import ctypes
import ctypes.util

# evdev's numbers of the keys, row by row, named as in layouts.py. Source: linux/input-event-codes.h.
ROWS = [("`", 41, 1), ("1234567890-=", 2, 12), ("qwertyuiop[]", 16, 12), ("asdfghjkl;'", 30, 11), ("\\", 43, 1),
        ("zxcvbnm,./", 44, 10)]
EVDEV = {name: first + place for names, first, count in ROWS for place, name in enumerate(names)}
EVDEV |= {"102nd": 86, "keypad.": 83}
LEVELS = 4
DEAD = {"dead_circumflex": "^", "dead_acute": "´", "dead_grave": "`", "dead_diaeresis": "¨"}


class Names(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")]


class Keymap:
    """A layout by X11's name for it."""

    def __init__(self, layout):
        self.library = library = ctypes.CDLL(ctypes.util.find_library("xkbcommon"))
        library.xkb_context_new.restype = library.xkb_keymap_new_from_names.restype = ctypes.c_void_p
        library.xkb_keymap_new_from_names.argtypes = [ctypes.c_void_p, ctypes.POINTER(Names), ctypes.c_int]
        library.xkb_keymap_key_get_syms_by_level.argtypes = [ctypes.c_void_p, *[ctypes.c_uint32] * 3, ctypes.c_void_p]
        library.xkb_keysym_to_utf32.restype = ctypes.c_uint32
        names = Names(b"evdev", b"pc105", layout.encode(), b"", b"")
        self.keymap = library.xkb_keymap_new_from_names(library.xkb_context_new(0), ctypes.byref(names), 0)
        assert self.keymap, f"X11 has no layout {layout}"

    def character(self, symbol):
        """As layouts.py writes it: a character, dead and its accent, None for what is neither."""
        name = ctypes.create_string_buffer(64)
        self.library.xkb_keysym_get_name(symbol, name, len(name))
        name = name.value.decode()
        if name.startswith("dead_"):
            return "dead" + DEAD.get(name, name)
        code = self.library.xkb_keysym_to_utf32(symbol)
        return chr(code) if code else None

    def typed(self, key):
        """What the key types: plain, with Shift, with AltGr, with both."""
        symbols = ctypes.POINTER(ctypes.c_uint32)()
        typed = []
        for level in range(LEVELS):
            count = self.library.xkb_keymap_key_get_syms_by_level(self.keymap, EVDEV[key] + 8, 0, level,
                                                                  ctypes.byref(symbols))
            typed.append(self.character(symbols[0]) if count else None)
        return typed
