"""The folders' layers: who may include what. The table is the one of docs/architecture.md."""

import re

import tree

# folder -> what its files may include besides their own folder: folders ("kernel/base/"), or single headers.
ALLOWED = {
    "kernel/base": [],
    "kernel/x86": ["kernel/base/", "mm/port.h"],
    "mm": ["kernel/base/"],
    "drivers": ["kernel/base/", "kernel/x86/", "mm/mm.h"],
    "kernel": ["kernel/base/", "kernel/x86/", "kernel/tests/", "mm/", "drivers/", "boot/handoff.h"],
    "kernel/tests": ["kernel/", "mm/", "drivers/", "boot/handoff.h"],
    "boot": ["kernel/base/", "mm/paging.h", "mm/layout.h", "kernel/x86/regs.h",
             "kernel/x86/descriptors.h"],
}

# What a freestanding compiler brings along (C17, 4); no other <...> header exists here.
FREESTANDING = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdalign.h", "stdnoreturn.h", "limits.h"}

C_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"]', re.MULTILINE)
ASM_INCLUDE = re.compile(r'^[ \t]*%include[ \t]+(")([^"]+)"', re.MULTILINE)


def folder_of(path):
    """The layer that a file belongs to: the longest folder of the table that holds it."""
    held = [folder for folder in ALLOWED if path.startswith(folder + "/")]
    return max(held, key=len, default=None)


def allowed(folder, included):
    if folder_of(included) == folder:
        return True
    return any(included.startswith(entry) if entry.endswith("/") else included == entry for entry in ALLOWED[folder])


def check_file(path, text):
    folder = folder_of(path)
    if folder is None:
        yield tree.Finding(path, 1, "lies in no folder of the layer table")
        return
    pattern, text = (ASM_INCLUDE, text) if path.endswith(".asm") else (C_INCLUDE, tree.without_comments(text))
    for match in pattern.finditer(text):
        line, included = tree.line_of(text, match.start(2)), match.group(2)
        if match.group(1) == "<":
            if included not in FREESTANDING:
                yield tree.Finding(path, line, f"<{included}> is not a freestanding header")
        elif folder_of(included) is None:
            yield tree.Finding(path, line, f"{included}: include from the root of the repository")
        elif not allowed(folder, included):
            yield tree.Finding(path, line, f"{folder}/ may not include {included}")


def check(files):
    return [finding for path, text in files.named().items() for finding in check_file(path, text)]
