#!/usr/bin/python3
"""Writes src/base/fold_table.h: Unicode simple case folding and the letters, as compact ranges.

Simple folding is statuses C and S of Unicode's CaseFolding.txt. Python knows only full folding
(C and F): where that yields one character it is C; where it yields several, S is the lower case
of the character if that is a single one (U+1E9E, the Greek capitals with iota); U+0130 and the
ligatures have no simple folding. Run: tools/make_fold_table.py > src/base/fold_table.h
"""
import sys
import unicodedata


def simple_fold(cp):
    c = chr(cp)
    full = c.casefold()
    if len(full) == 1:
        return ord(full)
    lower = c.lower()
    return ord(lower) if len(lower) == 1 else cp


def fold_ranges():
    """[first, last, step, delta]: first, first + step, ... last fold by adding delta."""
    out = []
    for cp in range(0x80, sys.maxunicode + 1):
        if 0xD800 <= cp <= 0xDFFF:
            continue
        delta = simple_fold(cp) - cp
        if not delta:
            continue
        if out:
            first, last, step, d = out[-1]
            if d == delta and (cp - last == step or (first == last and cp - last <= 2)):
                out[-1] = [first, cp, cp - last, d]
                continue
        out.append([cp, cp, 1, delta])
    return out


def letter_ranges():
    out = []
    for cp in range(0x80, sys.maxunicode + 1):
        if not unicodedata.category(chr(cp)).startswith("L"):
            continue
        if out and out[-1][1] == cp - 1:
            out[-1][1] = cp
        else:
            out.append([cp, cp])
    return out


def rows(items, per_line):
    for i in range(0, len(items), per_line):
        print("    " + " ".join(items[i:i + per_line]))


print("/* Made by tools/make_fold_table.py from Unicode %s; do not edit. */" % unicodedata.unidata_version)
print("/* clang-format off */")
print("static const fold_range fold_ranges[] = { /* first, last, step, delta */")
rows(["{0x%04X, 0x%04X, %d, %d}," % tuple(r) for r in fold_ranges()], 3)
print("};")
print("static const letter_range letter_ranges[] = {")
rows(["{0x%04X, 0x%04X}," % tuple(r) for r in letter_ranges()], 5)
print("};")
print("/* clang-format on */")
