"""What keeps Keel readable in a weekend: limits on the kernel, on a file and on a function."""

import re

import tree

# Lines of code, without comments and blank lines, in the .c files of these folders. The limit is on what there is to
# understand, not on how well it is explained; kernel/tests is tests, and does not count either. boot/ runs before the
# kernel and is given back: it has a limit of its own.
LINES_MAX = {"the kernel": (("kernel/", "mm/", "drivers/"), 12000), "boot": (("boot/",), 1300)}
TESTS = "kernel/tests/"
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

# A function's brace stands alone at the start of a line, and so does its end (.clang-format).
FUNCTION = re.compile(r"^[a-z_][^\n;{}=]*\([^;{}]*\)[^;{}=]*\n\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"(\w+)\s*\(")


def check_functions(path, text):
    text = tree.code_only(text)
    for match in FUNCTION.finditer(text):
        lines = match.group(0).count("\n") + 1
        if lines > FUNCTION_LINES_MAX:
            name = NAME.search(match.group(0))
            yield tree.Finding(path, tree.line_of(text, match.start()),
                               f"{name.group(1) if name else 'a function'} has {lines} lines, "
                               f"at most {FUNCTION_LINES_MAX} are allowed")


def lines_of_code(text):
    return sum(1 for line in tree.without_comments(text).splitlines() if line.strip())


def check(files):
    findings, totals = [], dict.fromkeys(LINES_MAX, 0)
    for path, text in files.named(endings=(".c", ".h")).items():
        lines = text.count("\n")
        for name, (folders, _) in LINES_MAX.items():
            if path.endswith(".c") and path.startswith(folders) and not path.startswith(TESTS):
                totals[name] += lines_of_code(text)
        if lines > FILE_LINES_MAX:
            findings.append(tree.Finding(path, lines, f"{lines} lines, at most {FILE_LINES_MAX} are allowed"))
        findings += check_functions(path, text)
    for name, (_, limit) in LINES_MAX.items():
        if totals[name] > limit:
            findings.append(tree.Finding(name, 0, f"{totals[name]} lines of code in C, at most {limit} are allowed"))
    return findings
