#!/usr/bin/python3
"""Prints the records of segments of alco's store (store/INDEX/*.seg), one line of JSON each.

  tools/segment_dump.py FILE...             records, in the order in which they stand
  tools/segment_dump.py --sizes FILE...     how many bytes each kind of column and part takes
  tools/segment_dump.py --lexicon FILE...   templates and values, and the blocks that have them

A second reader beside the program's own, written from doc/format.md (named below by section), so
that the page is known to be enough. It checks every checksum and count. Needs libzstd.so.1.
"""
import argparse
import collections
import ctypes
import datetime
import json
import signal
import struct
import sys

VERSION = 4
NULL, FALSE, TRUE, NUMBER, STRING, ARRAY, OBJECT, ABSENT = range(8)
CONSTANTS = {NULL: b"null", FALSE: b"false", TRUE: b"true"}
IDS, TIMES, MESSAGE, SHAPES, FIELD, TEMPLATES, TEXTS, TUPLES, ROW_SHAPES = range(1, 10)
HOMED, HOMED_SPLIT, HOMED_OUTSIDE, SLOTS = range(10, 14)
FIELDS = (FIELD, HOMED, HOMED_SPLIT, HOMED_OUTSIDE)
KINDS = {IDS: "ids", TIMES: "times", MESSAGE: "messages", SHAPES: "shapes", TEMPLATES: "templates", SLOTS: "slots",
         TEXTS: "texts", TUPLES: "tuples", ROW_SHAPES: "shapes of rows"}
MARK = 0
CHUNK = 2048


class Damaged(Exception):
    """Where, what was expected, what is there."""


def expect(is_so, where, what):
    if not is_so:
        raise Damaged("%s: expected %s" % (where, what))


# ---- Bytes (section 1)

def crc_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


CRC_TABLE = crc_table()


def crc32c(data, table=CRC_TABLE):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_decompress.restype = ctypes.c_size_t
ZSTD.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


class Reader:
    """Goes over bytes; `where` names them in messages."""

    def __init__(self, data, where, at=0):
        self.data, self.where, self.at = data, where, at

    def bytes(self, n):
        end = self.at + n
        expect(end <= len(self.data), self.where, "%d bytes at %d, there are %d" % (n, self.at, len(self.data) - self.at))
        found = self.data[self.at:end]
        self.at = end
        return found

    def fixed(self, form):
        return struct.unpack("<" + form, self.bytes(struct.calcsize("<" + form)))

    def u8(self):
        return self.bytes(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                expect(value < 1 << 64, self.where, "a number below 2^64 before %d" % self.at)
                return value
            expect(shift < 70, self.where, "the end of a number before %d" % self.at)

    def varints(self, n):
        return [self.varint() for _ in range(n)]

    def end(self):
        expect(self.at == len(self.data), self.where, "the end at %d, there are %d bytes more" %
               (self.at, len(self.data) - self.at))


def width_of(n):
    """The fewest bits that n needs."""
    return n.bit_length()


def packed_bytes(n, width):
    return (n * width + 7) // 8


def unpack(data, n, width):
    """n bit-packed numbers."""
    if width == 0:
        return [0] * n
    mask = (1 << width) - 1
    shifts = range(0, 8 * width, width)
    numbers = []
    for at in range(0, packed_bytes(n, width), width):
        eight = int.from_bytes(data[at:at + width], "little")
        numbers += [eight >> shift & mask for shift in shifts]
    return numbers[:n]


def bit_packed(r, n, width):
    expect(width <= 64, r.where, "a width up to 64, there is %d" % width)
    return unpack(r.bytes(packed_bytes(n, width)), n, width)


def number_list(r, n):
    numbers = []
    while n > 0:
        rows = min(n, 256)
        n -= rows
        width, k, rest_width = r.u8(), r.u8(), r.u8()
        group = bit_packed(r, rows, width)
        places = r.bytes(k)
        for place, rest in zip(places, bit_packed(r, k, rest_width)):
            expect(place < rows, r.where, "a place below %d, there is %d" % (rows, place))
            group[place] |= rest << width
        numbers += group
    return numbers


def based(head, data, n):
    """A based list: base and width in `head`, numbers in `data`."""
    base = head.varint()
    width = head.u8() if n != 1 else 0
    return [base + v for v in bit_packed(data, n, width)]


def reference_list(r, n, m):
    width = r.u8()
    expect(width in (1, 2, 4), r.where, "references of 1, 2 or 4 bytes, there are %d" % width)
    found, new = [], 0
    for (number,) in struct.iter_unpack("<" + {1: "B", 2: "H", 4: "I"}[width], r.bytes(n * width)):
        expect(number <= new and new - number < m, r.where, "a reference to one of %d values" % m)
        found.append(new - number)
        new += number == 0
    return found


Packed = collections.namedtuple("Packed", "raw stored crc")


def packed_entry(r):
    return Packed(r.varint(), r.varint(), r.fixed("I")[0])


def packed_load(entry, stored, where):
    crc = crc32c(stored)
    expect(crc == entry.crc, where, "checksum %08x of %d bytes, it is %08x" % (entry.crc, len(stored), crc))
    if entry.raw == entry.stored:
        return stored
    raw = ctypes.create_string_buffer(entry.raw)
    n = ZSTD.ZSTD_decompress(raw, entry.raw, stored, len(stored))
    expect(n == entry.raw, where, "a zstd frame of %d bytes" % entry.raw)
    return raw.raw


def checked_head(data, n, where, at):
    """A reader from `at` on of the first n bytes, whose last four are the checksum of the others."""
    expect(at + 4 <= n <= len(data), where, "a head of %d to %d bytes, it says %d" % (at + 4, len(data), n))
    crc = crc32c(data[:n - 4])
    said = int.from_bytes(data[n - 4:n], "little")
    expect(crc == said, where, "checksum %08x of the first %d bytes, it is %08x" % (said, n - 4, crc))
    return Reader(data[:n - 4], where + " head", at)


def packed_part(r):
    """The three numbers, then the stored bytes."""
    entry = packed_entry(r)
    return packed_load(entry, r.bytes(entry.stored), r.where)


def cut(data, lengths, where):
    """Texts that stand one behind the other."""
    found, at = [], 0
    for n in lengths:
        found.append(data[at:at + n])
        at += n
    expect(at == len(data), where, "%d bytes of texts, there are %d" % (at, len(data)))
    return found


# ---- Lexicon (section 9)

class Lexicon:
    PARTS = ("templates", "blocks", "blocks of templates", "longest numbers", "sieve", "outside")

    def __init__(self, data, where):
        self.where = where
        r = Reader(data, where)
        magic, head_bytes = r.fixed("4sI")
        expect(magic == b"ALLX", where, "magic ALLX, there is %r" % magic)
        r = checked_head(data, head_bytes, where, 8)
        self.n_templates, self.n_values, self.n_blocks, self.flags = r.varints(4)
        n_chunks = (self.n_values + CHUNK - 1) // CHUNK
        names = list(self.PARTS) + ["values"] * n_chunks + ["blocks of values"] * n_chunks
        parts, self.sizes, at = [], collections.Counter({"head": head_bytes}), head_bytes
        for name in names:
            entry = packed_entry(r)
            parts.append(packed_load(entry, data[at:at + entry.stored], "%s, %s at %d" % (where, name, at)))
            self.sizes[name] += entry.stored
            at += entry.stored
        r.end()
        expect(at == len(data), where, "%d bytes, there are %d" % (at, len(data)))
        self.parts = parts
        self.templates = self.texts(parts[0], self.n_templates)
        self.values = []
        for i in range(n_chunks):
            self.values += self.texts(parts[6 + i], min(CHUNK, self.n_values - i * CHUNK))

    def texts(self, part, n):
        r = Reader(part, self.where + " texts")
        return cut(part[self.skip(r, n):], self.lengths, self.where)

    def skip(self, r, n):
        self.lengths = r.varints(n)
        return r.at

    def block_heads(self):
        """(values that appear first in it, flags) of each block."""
        r = Reader(self.parts[1], self.where + " blocks")
        found = [(r.varint(), r.varint()) for _ in range(self.n_blocks)]
        r.end()
        return found

    def postings(self, part, firsts):
        """For each thing its [(block, use)]; firsts: the block that is not listed, or None."""
        r = Reader(part, self.where + " postings")
        counts = r.varints(len(firsts))
        blocks = []
        for count, first in zip(counts, firsts):
            listed = [] if first is None else [first]
            before = -1 if first is None else first
            for skip in r.varints(count):
                before += skip + 1
                expect(before < self.n_blocks, r.where, "a block below %d" % self.n_blocks)
                listed.append(before)
            blocks.append(listed)
        found = [[(block, r.varint()) for block in listed] for listed in blocks]
        r.end()
        return found

    def template_postings(self):
        return self.postings(self.parts[2], [None] * self.n_templates)

    def value_postings(self):
        firsts = [b for b, (n, _) in enumerate(self.block_heads()) for _ in range(n)]
        expect(len(firsts) == self.n_values, self.where, "%d values in blocks" % self.n_values)
        n_chunks = (self.n_values + CHUNK - 1) // CHUNK
        found = []
        for i in range(n_chunks):
            found += self.postings(self.parts[6 + n_chunks + i], firsts[i * CHUNK:(i + 1) * CHUNK])
        return found


# ---- Messages as templates and slots (section 4, kinds 6, 7 and 13)

def decimal(number, scale):
    text = b"%d" % number
    if scale == 0:
        return text
    text = text.rjust(scale + 1, b"0")
    return text[:-scale] + b"." + text[-scale:]


def read_stream(head, data, n, lex, texts):
    """What the n values of one slot of a template say."""
    kind = head.u8()
    has_list, kind = kind >= 128, kind & 127
    offset = head.varint() if kind == 4 else 0
    if has_list:
        count = head.varint()
        entries = [head.varint()]
        for skip in head.varints(count - 1):
            entries.append(entries[-1] + skip + 1)
        numbers = [entries[i] for i in bit_packed(data, n, width_of(count - 1))]
    else:
        numbers = based(head, data, n)
    if kind == 0:
        return [b"%d" % v for v in numbers]
    if kind == 1:
        return [b"%0*d" % (length, v) for length, v in zip(based(head, data, n), numbers)]
    if kind == 2:
        return [decimal(v, scale) for scale, v in zip(based(head, data, n), numbers)]
    if kind == 3:
        return [lex.values[v] for v in numbers]
    expect(kind == 4 and not has_list, head.where, "a stream of kind 0 to 4")
    found = []
    for n_bytes in numbers:
        found.append(texts[offset:offset + n_bytes])
        offset += n_bytes
    expect(offset <= len(texts), head.where, "texts of %d bytes" % len(texts))
    return found


class Split:
    """Which template each row has; the messages when they are asked for."""

    def __init__(self, r, n_rows, lex):
        self.n_rows, self.lex, self.where = n_rows, lex, r.where
        self.raw_bytes, n = r.varint(), r.varint()
        heads = Reader(packed_part(r), r.where + " heads")
        number, self.templates = -1, []
        for _ in range(n):
            skip, rows, head_bytes, data_bytes = heads.varints(4)
            number += skip + 1
            self.templates.append((number, rows, head_bytes, data_bytes))
        self.heads = [heads.bytes(t[2]) for t in self.templates]
        heads.end()
        self.map = bit_packed(r, n_rows, width_of(n - 1))

    def messages(self, slots, texts):
        data = Reader(slots, self.where + " slots")
        written = []
        for (number, rows, _, data_bytes), head in zip(self.templates, self.heads):
            head = Reader(head, self.where + " head of template %d" % number)
            own = Reader(data.bytes(data_bytes), self.where + " slots of template %d" % number)
            fixed = self.lex.templates[number].split(b"\0")
            streams = [read_stream(head, own, rows, self.lex, texts) for _ in fixed[1:]]
            head.end()
            own.end()
            if streams:
                written.append(iter([b"".join(x for pair in zip(fixed, row + (b"",)) for x in pair)
                                     for row in zip(*streams)]))
            else:
                written.append(iter(fixed * rows))
        data.end()
        found = [next(written[t], None) for t in self.map]
        expect(None not in found, self.where, "as many rows of each template as its head says")
        expect(sum(map(len, found)) == self.raw_bytes, self.where, "%d bytes of messages" % self.raw_bytes)
        return found


# ---- Fields with a home (section 4, kinds 9 to 12)

def rows_listed(r, n):
    rows, before = [], -1
    for skip in r.varints(n):
        before += skip + 1
        rows.append(before)
    return rows


def rows_with_entry(r, n_rows):
    how = r.u8()
    if how == 0:
        return range(n_rows)
    if how == 1:
        return rows_listed(r, r.varint())
    expect(how == 2, r.where, "rows of kind 0 to 2, there is %d" % how)
    bits = unpack(r.bytes((n_rows + 7) // 8), n_rows, 1)
    return [row for row in range(n_rows) if bits[row]]


def values_whole(r, n, lex):
    """(type, text) of each value, form 0."""
    first = r.u8()
    types = r.bytes(n) if first == 255 else bytes([first]) * n
    found, before, here = [], -1, []
    for kind in types:
        text = CONSTANTS.get(kind)
        if kind == STRING:
            step = r.varint()
            if step:
                step -= 1
                before += 1 + (step >> 1 ^ -(step & 1))
                text = lex.values[before]
        if text is None and kind != ABSENT:
            here.append(len(found))
        found.append((kind, text))
    if here:
        texts = Reader(packed_part(r), r.where + " texts")
        lengths = texts.varints(len(here))
        for i, text in zip(here, cut(texts.data[texts.at:], lengths, texts.where)):
            found[i] = (found[i][0], text)
    return found


def values_split(r, n, lex):
    """... form 2: strings as templates and slots."""
    column = Reader(r.bytes(r.varint()), r.where + " taken apart")
    texts = packed_part(r)
    split = Split(column, n, lex)
    return [(STRING, text) for text in split.messages(column.data[column.at:], texts)]


def homed(r, block):
    """(values, for each row its place among them or None); an absent value is None too."""
    home, form = r.u8(), r.u8()
    expect(home <= 2 and form <= 2, r.where, "a home and a form of 0 to 2, there are %d and %d" % (home, form))
    rows = rows_with_entry(r, block.n_rows) if home == 0 else None
    n_entries = len(rows) if home == 0 else block.n_tuples if home == 1 else len(block.split.templates)
    others = []
    if form == 1:
        least, width = r.u8(), r.u8()
        scales = bit_packed(r, n_entries, width)
        values = [(NUMBER, decimal(v, least + scale)) for scale, v in zip(scales, number_list(r, n_entries))]
        entries = range(n_entries)
    else:
        n_values = r.varint()
        values = values_whole(r, n_values, block.lex) if form == 0 else values_split(r, n_values, block.lex)
        values = [None if v[0] == ABSENT else v for v in values]
        entries = bit_packed(r, n_entries, width_of(n_values - 1))
        if home == 2:
            n = r.varint()
            others = list(zip(rows_listed(r, n), r.varints(n)))
    r.end()
    found = [None] * block.n_rows
    if home == 0:
        for row, place in zip(rows, entries):
            found[row] = place
    else:
        found = [entries[i] for i in (block.row_tuple if home == 1 else block.split.map)]
    for row, place in others:
        found[row] = place
    return values, found


# ---- Block (section 4)

class Block:
    def __init__(self, data, where, lex):
        self.where, self.lex = where, lex
        r = Reader(data, where)
        magic, head_bytes, total, self.n_rows = r.fixed("4sIII")
        expect(magic == b"ALBK", where, "magic ALBK, there is %r" % magic)
        expect(total == len(data), where, "%d bytes, its header says %d" % (len(data), total))
        self.min_id, self.max_id, self.min_ns, self.max_ns, _ = r.fixed("QQqqI")
        r = checked_head(data, head_bytes, where, 52)
        self.columns, self.fields, self.sizes = {}, [], collections.Counter({("", "headers"): head_bytes})
        at = head_bytes
        for _ in range(r.varint()):
            kind = r.u8()
            name = r.bytes(r.varint()) if kind in FIELDS else None
            entry = packed_entry(r)
            what = text_of(name) if name is not None else KINDS.get(kind, "?")
            place = "%s, column %s at %d" % (where, what, at)
            raw = packed_load(entry, data[at:at + entry.stored], place)
            self.sizes[("field" if name is not None else "", what)] += entry.stored
            at += entry.stored
            if name is not None:
                self.fields.append((name, kind, raw))
            else:
                expect(kind in KINDS and kind not in self.columns, place, "a kind that is known and stands once")
                self.columns[kind] = raw
        r.end()
        expect(at == total, where, "columns up to %d, they end at %d" % (total, at))
        self.split = None
        self.n_tuples, self.row_tuple = 1, [0] * self.n_rows
        if TEMPLATES in self.columns:
            self.open_templates()

    def reader(self, kind):
        return Reader(self.columns[kind], "%s %s" % (self.where, KINDS[kind]))

    def open_templates(self):
        r = self.reader(TEMPLATES)
        expect(self.lex is not None, self.where, "a lexicon in its segment")
        self.split = Split(r, self.n_rows, self.lex)
        r.end()
        if TUPLES in self.columns:
            r = self.reader(TUPLES)
            self.n_tuples = r.varint()
            self.row_tuple = bit_packed(r, self.n_rows, width_of(self.n_tuples - 1))
            r.end()

    def ids(self):
        r = self.reader(IDS)
        unit = r.u8()
        has_rests, unit = unit >= 128, 1000 ** (unit & 127)
        n_groups = (self.n_rows + 255) // 256
        firsts = bit_packed(r, n_groups, r.u8())
        steps = number_list(r, self.n_rows)
        rests = number_list(r, self.n_rows) if has_rests else [0] * self.n_rows
        r.end()
        found = []
        for row, (step, rest) in enumerate(zip(steps, rests)):
            units = self.min_id // unit + firsts[row // 256] if row % 256 == 0 else units + step
            found.append(units * unit + rest)
        ascend = all(a < b for a, b in zip(found, found[1:]))
        expect(ascend and found[0] == self.min_id and found[-1] == self.max_id, r.where, "ascending ids as in the header")
        return found

    def times(self, ids):
        if TIMES not in self.columns:
            return ids
        r = self.reader(TIMES)
        found = [i - off for i, off in zip(ids, number_list(r, self.n_rows))]
        r.end()
        return found

    def messages(self):
        if self.split:
            return self.split.messages(self.columns.get(SLOTS, b""), self.columns.get(TEXTS, b""))
        r = self.reader(MESSAGE)
        lengths = r.varints(self.n_rows)
        return cut(r.data[r.at:], lengths, r.where)

    def shapes(self):
        """(list of shapes, number of each row's)."""
        r = self.reader(SHAPES)
        found = [r.varints(r.varint()) for _ in range(r.varint())]
        if self.split:
            r.end()
            values, rows = homed(self.reader(ROW_SHAPES), self)
            expect(len(values) == len(found) and None not in rows, self.where, "one of %d shapes for each row" % len(found))
            return found, rows
        rows = reference_list(r, self.n_rows, len(found))
        r.end()
        return found, rows

    def column(self, name, kind, raw, shape_has, row_shape):
        r = Reader(raw, "%s field %s" % (self.where, text_of(name)))
        if kind != FIELD:
            values, places = homed(r, self)
            return [None if i is None else values[i] for i in places]
        n = r.varint()
        types = r.bytes(n)
        lengths = [r.varint() if t >= NUMBER else 0 for t in types]
        values = [(t, CONSTANTS.get(t) or r.bytes(length)) for t, length in zip(types, lengths)]
        present = [row for row, shape in enumerate(row_shape) if shape_has[shape]]
        found = [None] * self.n_rows
        for row, i in zip(present, reference_list(r, len(present), n)):
            found[row] = values[i]
        r.end()
        return found

    def records(self):
        """(id, time, message, [(name, (type, text))]) of each row."""
        ids = self.ids()
        shapes, row_shape = self.shapes()
        columns = []
        for i, (name, kind, raw) in enumerate(self.fields):
            has = [i in shape for shape in shapes]
            columns.append(self.column(name, kind, raw, has, row_shape))
        for row, (number, time, message) in enumerate(zip(ids, self.times(ids), self.messages())):
            fields = [(self.fields[i][0], columns[i][row]) for i in shapes[row_shape[row]]]
            expect(all(value for _, value in fields), "%s row %d" % (self.where, row), "a value for each of its fields")
            yield number, time, message, fields


# ---- Segment (section 5)

class Segment:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            self.data = f.read()
        self.read_header()
        self.read_footer()
        self.read_directory()
        lex = self.data[self.dir_off - self.lex_bytes:self.dir_off]
        self.lex = Lexicon(lex, "%s: lexicon at %d" % (path, self.dir_off - self.lex_bytes)) if lex else None

    def read_header(self):
        head = self.data[:64]
        expect(len(head) == 64, self.path, "a header of 64 bytes, there are %d" % len(head))
        magic, version = struct.unpack("<4sH", head[:6])
        expect(magic == b"ALSG", self.path, "magic ALSG, there is %r" % magic)
        expect(version == VERSION, self.path, "version %d, it is %d" % (VERSION, version))
        checked_head(self.data, 64, self.path, 6)

    def read_footer(self):
        foot = self.data[-56:]
        where = "%s: footer at %d" % (self.path, len(self.data) - 56)
        (self.dir_off, dir_bytes, self.n_rows, n_bytes, self.lex_bytes, self.n_blocks, dir_crc,
         magic) = Reader(foot, where).fixed("QQQQQII4s")
        expect(magic == b"ALFT", where, "magic ALFT, there is %r" % magic)
        checked_head(foot, 56, where, 52)
        expect(n_bytes == len(self.data), where, "%d bytes in the file, there are %d" % (n_bytes, len(self.data)))
        self.directory = self.data[self.dir_off:self.dir_off + dir_bytes]
        crc = crc32c(self.directory)
        expect(crc == dir_crc, where, "checksum %08x of the directory at %d, it is %08x" % (dir_crc, self.dir_off, crc))

    def read_directory(self):
        r = Reader(self.directory, "%s: directory at %d" % (self.path, self.dir_off))
        self.entries = [r.fixed("QIIQQqqII") for _ in range(self.n_blocks)]
        self.names = [(r.bytes(r.varint()), r.u8()) for _ in range(r.varint())]
        r.end()

    def blocks(self):
        for i, (off, n_bytes, n_rows, min_id, max_id, *_) in enumerate(self.entries):
            where = "%s: block %d at %d" % (self.path, i, off)
            block = Block(self.data[off:off + n_bytes], where, self.lex)
            is_same = (block.n_rows, block.min_id, block.max_id) == (n_rows, min_id, max_id)
            expect(is_same, where, "rows and ids as in the directory")
            yield block

    def records(self):
        n = 0
        for block in self.blocks():
            for record in block.records():
                yield record
                n += 1
        expect(n == self.n_rows, self.path, "%d rows, there are %d" % (self.n_rows, n))


# ---- Printing

def text_of(raw):
    return raw.decode("utf-8", "surrogateescape")


def json_string(raw):
    return json.dumps(text_of(raw), ensure_ascii=False)


def timestamp(ns):
    at = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
    return "%s.%09dZ" % (at.strftime("%Y-%m-%dT%H:%M:%S"), ns % 10**9)


def json_of(record):
    """As a hit of the search API."""
    number, time, message, fields = record
    values = ["%s:%s" % (json_string(name), json_string(text) if kind == STRING else text_of(text))
              for name, (kind, text) in fields]
    return '{"id":"%d","time":"%s","message":%s,"fields":{%s}}' % (
        number, timestamp(time), json_string(message), ",".join(values))


def print_line(line):
    sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")


def print_sizes(segment):
    sizes = collections.Counter()
    for block in segment.blocks():
        sizes.update(block.sizes)
    if segment.lex:
        sizes.update({("lexicon", name): n for name, n in segment.lex.sizes.items()})
    sizes[("", "directory, header, footer")] = len(segment.directory) + 64 + 56
    all_bytes = sum(sizes.values())
    expect(all_bytes == len(segment.data), segment.path, "%d bytes in parts, there are %d" % (all_bytes, len(segment.data)))
    print_line("%s: %d rows, %d blocks, %d bytes" % (segment.path, segment.n_rows, segment.n_blocks, all_bytes))
    for (group, name), n in sizes.most_common():
        print_line("%12d  %5.1f %%  %s" % (n, 100 * n / all_bytes, ("%s %s" % (group, name)).strip()))


def print_lexicon(segment):
    if not segment.lex:
        return
    lex = segment.lex
    for what, texts, postings in (("template", lex.templates, lex.template_postings()),
                                  ("value", lex.values, lex.value_postings())):
        for i, (text, blocks) in enumerate(zip(texts, postings)):
            print_line('{"%s":%d,"text":%s,"blocks":[%s]}' % (what, i, json_string(text), ",".join(
                '{"block":%d,"rows":%d,"in_fields":%s}' % (b, use >> 2, "true" if use & 3 else "false")
                for b, use in blocks)))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--sizes", action="store_true", help="bytes of each kind of column and part")
    ap.add_argument("--lexicon", action="store_true", help="templates and values with their blocks")
    ap.add_argument("files", nargs="+", metavar="FILE")
    a = ap.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as other tools in a pipe
    for path in a.files:
        try:
            segment = Segment(path)
            if a.sizes:
                print_sizes(segment)
            if a.lexicon:
                print_lexicon(segment)
            if not a.sizes and not a.lexicon:
                for record in segment.records():
                    print_line(json_of(record))
        except (Damaged, OSError) as why:
            sys.stdout.flush()
            print("segment_dump: %s" % why, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
