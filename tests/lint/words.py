"""What may not stand in Keel's sources: file heads that are missing, and words that the rules ban."""

import re

import tree

# (pattern, which files, why). Comments, strings and character constants are blanked before the search.
BANNED = [
    (r"\blong\b", r"\.[ch]$", "long is 4 bytes in the kernel and 8 on the host: use a fixed width"),
    (r"\bwchar_t\b|\bL[\"']", r"\.[ch]$", "wchar_t is 2 bytes in the kernel and 4 on the host: use uint16_t and u\"\""),
    (r"^[ \t]+(?:const[ \t]+|volatile[ \t]+)*(?:u?int\d+_t|unsigned|signed|int|char|bool|_Bool)(?:[ \t]+int)?[ \t]+"
     r"\w+[ \t]*:[ \t]*\w+[ \t]*;", r"\.[ch]$", "bit-fields lie differently in the kernel and on the host: use masks"),
    (r"\b(?:__asm__|__asm|asm)\b", r"^(?!kernel/x86/).*\.[ch]$", "instructions belong into kernel/x86"),
    (r"^[ \t]*extern\b", r"\.c$", "extern in a .c file: declare it in one header"),
]

UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")

# The one use of long that is allowed: our formatter's 64-bit arguments are (unsigned long long).
LONG_LONG = re.compile(r"\b(?:unsigned[ \t]+)?long[ \t]+long\b")


def check_banned(path, text):
    code = LONG_LONG.sub(tree.blank, tree.code_only(text))
    for pattern, where, why in BANNED:
        if not re.search(where, path):
            continue
        for match in re.finditer(pattern, code, re.MULTILINE):
            yield tree.Finding(path, tree.line_of(code, match.end()), why)


def check_head(path, text):
    start = text.lstrip()
    if not start.startswith((";",) if path.endswith(".asm") else ("/*", "//")):
        yield tree.Finding(path, 1, "starts without a comment: what is it for, what does it own, what rules bind it?")


def check(files):
    findings = []
    for path, text in files.named().items():
        findings += check_head(path, text)
        findings += [tree.Finding(path, tree.line_of(text, match.start()), f"{match.group(0)}: do it or leave it")
                     for match in UNFINISHED.finditer(text)]
        if not path.endswith(".asm"):
            findings += check_banned(path, text)
    return findings
