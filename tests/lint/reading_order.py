"""docs/reading-order.md names every source file of the kernel exactly once, and no file that does not exist."""

import re
from collections import Counter

import tree

PAGE = "docs/reading-order.md"
NAMED = re.compile(r"`((?:boot|kernel|mm|drivers)/[\w./-]+\.(?:c|h|asm))`")


def check(files):
    if PAGE not in files.files:
        return [tree.Finding(PAGE, 1, "is missing")]
    page, sources = files.files[PAGE], files.named()
    times = Counter(NAMED.findall(page))
    findings = [tree.Finding(PAGE, 1, f"does not name {path}") for path in sources if times[path] == 0]
    for match in NAMED.finditer(page):
        path, line = match.group(1), tree.line_of(page, match.start())
        if path not in sources:
            findings.append(tree.Finding(PAGE, line, f"names {path}, which does not exist"))
        elif times[path] > 1:
            findings.append(tree.Finding(PAGE, line, f"names {path} {times[path]} times"))
    return findings
