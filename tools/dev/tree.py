#!/usr/bin/python3
"""Checks the tree under src: who includes whom, and that each folder's README names its files.

A folder's README says `May include: base, record, query/engine.h.`: folders, or single headers of
one. Whatever else it includes of ours is an error (system headers are written in <>). "everything"
lifts the check. A file is named when its name, or its name without the ending, stands in the README
as a word.
"""
import pathlib
import re
import sys

SRC = pathlib.Path("src")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
MAY = re.compile(r"^May include:\s*(.+?)\.\s*(?:$|[A-Z])", re.M | re.S)


def may_include(readme):
    found = MAY.search(readme)
    return None if not found else {part.strip() for part in found.group(1).split(",")}


def check_folder(folder):
    readme_path = folder / "README.md"
    if not readme_path.exists():
        yield f"{folder}: no README.md"
        return
    readme = readme_path.read_text()
    allowed = may_include(readme)
    if folder.name == "base":
        allowed = set()
    if allowed is None:
        yield f"{readme_path}: no line 'May include: ...'"
        return
    for path in sorted(folder.rglob("*.[ch]")):
        if not re.search(rf"(?<![\w.]){re.escape(path.stem)}(?![\w])", readme):
            yield f"{readme_path}: does not name {path.name}"
        if "everything" in allowed:
            continue
        for header in INCLUDE.findall(path.read_text(errors="replace")):
            owner = header.split("/")[0]
            if owner != folder.name and owner not in allowed and header not in allowed:
                yield f'{path}: includes "{header}", but {folder.name} may include only: ' + (
                    ", ".join(sorted(allowed)) or "nothing"
                )


def main():
    findings = [f for folder in sorted(SRC.iterdir()) if folder.is_dir() for f in check_folder(folder)]
    print("\n".join(findings) or "src: every include points down, every file has its line", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
