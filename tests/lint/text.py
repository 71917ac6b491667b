"""Text as such, in every tracked file: no trailing blanks, no tabs, lines that fit, one newline at the end."""

import re

import tree

LINE_MAX = 120
LINE_LIMITED = (".c", ".h", ".asm", ".py")
SPACES_ONLY = LINE_LIMITED + (".ninja", ".md", ".sh")
RECORDED = (".map", ".seed", ".patch")  # kept as they came: machines' words, fuzzers' inputs, diffs with empty lines


def check_file(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield tree.Finding(path, number, "blanks at the end of the line")
        if "\t" in line and path.endswith(SPACES_ONLY):
            yield tree.Finding(path, number, "a tab: indent with spaces")
        if len(line) > LINE_MAX and path.endswith(LINE_LIMITED):
            yield tree.Finding(path, number, f"{len(line)} characters, at most {LINE_MAX} are allowed")
    if text and not re.search(r"[^\n]\n\Z", text):
        yield tree.Finding(path, text.count("\n") + 1, "must end with exactly one newline")


def check(files):
    return [finding for path, text in files.files.items() if not path.endswith(RECORDED)
            for finding in check_file(path, text)]
