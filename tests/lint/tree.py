"""The files that the lints look at, and what all of them share: a finding, and C text without its comments.

A lint is a function that takes a tree and returns findings, so that the tests can hand it a small bad tree.
"""

import re
import subprocess
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

CODE_FOLDERS = ("boot", "kernel", "mm", "drivers")
SOURCE_ENDINGS = (".c", ".h", ".asm")

Finding = namedtuple("Finding", "path line text")


def show(finding):
    return f"{finding.path}:{finding.line}: {finding.text}"


class Tree:
    """path -> text. Made from the repository with tracked(), from a dict in tests."""

    def __init__(self, files):
        self.files = dict(sorted(files.items()))

    def named(self, folders=CODE_FOLDERS, endings=SOURCE_ENDINGS):
        return {path: text for path, text in self.files.items()
                if path.split("/")[0] in folders and path.endswith(endings)}


def tracked(root=ROOT):
    """Every text file that is, or is about to be, in the repository."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            stdout=subprocess.PIPE, check=True).stdout.decode()
    files = {}
    for path in filter(None, listed.split("\0")):
        try:
            files[path] = Path(root, path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # a picture, a file being removed
    return Tree(files)


def blank(match):
    """Spaces for a match, its line ends kept, so that positions stay true."""
    return re.sub(r"[^\n]", " ", match.group(0))


STRINGS_AND_COMMENTS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
COMMENTS = re.compile(r'("(?:\\.|[^"\\\n])*")|/\*.*?\*/|//[^\n]*', re.DOTALL)


def code_only(text):
    """C text with comments, strings and character constants blanked."""
    return STRINGS_AND_COMMENTS.sub(blank, text)


def without_comments(text):
    """C text with comments blanked and strings kept."""
    return COMMENTS.sub(lambda match: match.group(0) if match.group(1) else blank(match), text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1
