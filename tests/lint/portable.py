"""Shell as macOS has it: bash 3.2, and the BSD's sed, date, stat, grep. No machine here runs those, so a lint looks.

What stands in quotes counts as well, for awk's and sed's programs do; a comment does not.
"""

import re

import tree

SHEBANG = re.compile(r"\A#!.*\b(?:ba)?sh\b")
COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)

NOT_PORTABLE = [
    (r"\b(?:mapfile|readarray)\b|\b(?:declare|local|typeset) -[a-zA-Z]*[Anlu]", "bash 4"),
    (r"\$\{\w+(?:\[[^]]*\])?(?:\^|,|@)", "bash 4"),
    (r"\|&|&>>|\bcoproc\b|\bwait -n\b|\bshopt -s globstar\b", "bash 4"),
    (r"\bsed\b[^|;\n]* -(?:i|r|z|-)", "GNU sed"),
    (r"\bgrep\b[^|;\n]* -(?:[a-zA-Z]*P|-perl)", "GNU grep"),
    (r"\b(?:readlink -[a-z]*[fe]|realpath)\b", "GNU coreutils"),
    (r"\bdate\b[^|;\n]* (?:-d|--date|--iso)", "GNU date"),
    (r"\bstat\b[^|;\n]* (?:-c|--format|--printf)", "GNU stat"),
    (r"\b(?:nproc|tac|timeout|setsid|flock)\b", "not on macOS"),
    (r"\b(?:xargs -r|sort -V|head -n ?-\d|cp --|mktemp --|ln -[a-z]*r|du -b|ls --)", "GNU only"),
]


def check_script(path, text):
    code = COMMENT.sub(tree.blank, text)
    for pattern, what in NOT_PORTABLE:
        for match in re.finditer(pattern, code):
            yield tree.Finding(path, tree.line_of(code, match.start()), f"{match.group(0).strip()}: {what}")


def check(files):
    return [finding for path, text in files.files.items() if SHEBANG.match(text)
            for finding in check_script(path, text)]
