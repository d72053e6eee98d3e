#!/usr/bin/python3
"""Checks that each test doc/old_alco_tests.md names is there, and that each behaviour has one.

In the tables' second column `FILE::TEST` names a test and `::TEST` one of the file named before it.
FILE is a file's name anywhere under tests/. TEST is the name of a function of Python or C that is run
as a test, or the beginning of the title of one of Node's; one test of the file must fit, and one only.
doc/migration.md names files and functions, as `test_x.py test_y` or one of both: they must be there.
"""
import pathlib
import re
import sys

DOC = pathlib.Path("doc/old_alco_tests.md")
MIGRATION = pathlib.Path("doc/migration.md")
NAMED = re.compile(r"`([\w.]*)::([^`]+)`")
MENTIONED = re.compile(r"`(test_[^`]+|[^`]+\.test\.mjs)`")
TESTS = {
    ".py": re.compile(r"^def (test_\w+)\(", re.M),
    ".c": re.compile(r"cmocka_unit_test\w*\(\s*(\w+)"),
    ".ts": re.compile(r"^ *test\(\s*(['`])((?:\\.|(?!\1).)*)\1", re.M),
}
TESTS[".mjs"] = TESTS[".ts"]


def tests_of(path):
    """Names or titles as they stand in the file."""
    for match in TESTS[path.suffix].finditer(path.read_text()):
        yield re.sub(r"\\(.)", r"\1", match.group(match.lastindex))


def check_name(file, test):
    paths = [p for p in pathlib.Path("tests").rglob(file) if p.suffix in TESTS] if file else []
    if len(paths) != 1:
        return f"there are {len(paths)} files tests/**/{file}"
    is_title = paths[0].suffix in (".mjs", ".ts")
    fits = [name for name in tests_of(paths[0]) if name == test or (is_title and name.startswith(test))]
    if test in fits or len(fits) == 1:
        return None
    return f"{paths[0]} has {len(fits)} tests '{test}'"


def check(text):
    """(findings, how many rows); a row is a line of a table below its head."""
    findings, n_rows = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|") or line.startswith(("| behaviour |", "|---")):
            continue
        n_rows += 1
        cells = line.strip("|").split(" | ")
        named = NAMED.findall(cells[-1])
        if len(cells) != 2 or not named:
            findings.append(f"{DOC}:{number}: expected `| behaviour | `file::test` |`")
        file = ""
        for owner, test in named:
            file = owner or file
            problem = check_name(file, test)
            if problem:
                findings.append(f"{DOC}:{number}: {problem}")
    return findings, n_rows


def check_mentions(text):
    paths = [p for p in pathlib.Path("tests").rglob("*") if p.suffix in TESTS]
    known = {p.name for p in paths}
    known |= {name for p in paths if p.suffix in (".py", ".c") for name in tests_of(p)}
    for number, line in enumerate(text.splitlines(), 1):
        for word in " ".join(MENTIONED.findall(line)).split():
            if word not in known:
                yield f"{MIGRATION}:{number}: there is no test {word}"


def main():
    findings, n_rows = check(DOC.read_text())
    findings += check_mentions(MIGRATION.read_text())
    if n_rows == 0:
        findings.append(f"{DOC}: no table")
    print("\n".join(findings) or f"{DOC}: {n_rows} behaviours, each with its tests", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
