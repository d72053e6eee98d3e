#!/usr/bin/python3
"""Adds up what the test runners left in a folder and prints `N passed, N failed`.

Reads by the file's ending: .meson (meson's testlog.json, whose programs speak TAP), .junit (pytest),
.tap (Node's report), .exit (a runner that ended with an error). A skipped test counts as failed,
because here nothing that a test needs may be missing. So does a program that broke without naming
a failed case, and a runner that ran nothing.
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

TAP_CASE = re.compile(r"^(not )?ok\b(?!.*#\s*skip)", re.I | re.M)
TAP_SKIP = re.compile(r"^(?:not )?ok\b.*#\s*skip", re.I | re.M)
NODE_COUNT = re.compile(r"^(?:#|ℹ) (pass|fail|cancelled|skipped|todo) (\d+)\s*$", re.M)


def meson(text):
    passed = failed = 0
    for line in text.splitlines():
        test = json.loads(line)
        cases = TAP_CASE.findall(test.get("stdout", ""))
        bad = sum(1 for c in cases if c) + len(TAP_SKIP.findall(test.get("stdout", "")))
        good = sum(1 for c in cases if not c)
        if test["result"] != "OK" and bad == 0:
            bad = 1
            print(f"{test['name']}: {test['result']}")
        if test["result"] == "OK" and not cases:
            good = 1  # a program that has no cases but its exit code
        passed, failed = passed + good, failed + bad
    return passed, failed


def junit(text):
    passed = failed = 0
    for suite in xml.fromstring(text).iter("testsuite"):
        bad = sum(int(suite.get(kind, 0)) for kind in ("errors", "failures", "skipped"))
        failed += bad
        passed += max(0, int(suite.get("tests", 0)) - bad)
    return passed, failed


def tap(text):
    counts = {}
    for kind, n in NODE_COUNT.findall(text):
        counts[kind] = counts.get(kind, 0) + int(n)
    return counts.pop("pass", 0), sum(counts.values())


READERS = {".meson": meson, ".junit": junit, ".tap": tap}


def main(folder):
    total_passed = total_failed = 0
    runners = {path.stem for path in folder.iterdir()}
    for runner in sorted(runners):
        passed = failed = 0
        for ending, reader in READERS.items():
            path = folder / (runner + ending)
            if path.exists():
                passed, failed = reader(path.read_text(errors="replace"))
        if (folder / (runner + ".exit")).exists() and failed == 0:
            print(f"{runner}: the runner ended with an error")
            failed = 1
        if passed + failed == 0:
            print(f"{runner}: no test ran")
            failed = 1
        print(f"{runner}: {passed} passed, {failed} failed")
        total_passed, total_failed = total_passed + passed, total_failed + failed
    print(f"{total_passed} passed, {total_failed} failed")
    return 0 if total_failed == 0 and total_passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
