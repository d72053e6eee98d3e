"""What other programs, from Debian packages, do with the same data: zstd, ripgrep, SQLite FTS5.
A peer that is not installed is left out, and said to be. Each gives {name of the figure: text}."""
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import time

TABLE = """
create table logs(id integer primary key, at text, host text, level text, logger text,
                  request text, message text, doc text);
create virtual table words using fts5(message, content='', tokenize='unicode61');
"""
INDEXES = """
create index by_at on logs(at); create index by_request on logs(request);
create index by_level on logs(level, at); create index by_host on logs(host, level, at);
"""


def ms(seconds):
    return "%.2f" % (1000 * statistics.median(seconds)) if seconds else "-"


def timed(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def zstd(path, hard_bytes):
    """Sizes of the JSON, compressed: -9 the whole, -19 --long the first `hard_bytes` (minutes else)."""
    if not shutil.which("zstd"):
        return {}
    size = os.path.getsize(path)
    nine = int(subprocess.check_output("zstd -9 -q -c '%s' | wc -c" % path, shell=True))
    found = {"disk": "zstd -9 %.1f MB" % (nine / 1e6)}
    if hard_bytes:
        head = min(size, hard_bytes)
        hard = int(subprocess.check_output(
            "head -c %d '%s' | zstd -19 --long=27 -q -c | wc -c" % (head, path), shell=True))
        found["disk"] += ", -19 --long %.1f MB%s" % (
            hard / head * size / 1e6, "" if head == size else " (by its first %d MB)" % (head / 1e6))
    return found


def write_lines(path, out):
    """The JSON as lines of text, as a daemon would have written them."""
    with open(path, encoding="utf-8", errors="replace") as f, open(out, "w", encoding="utf-8") as o:
        for line in f:
            d = json.loads(line)
            text = " ".join((d.get("@timestamp") or d["time"], d["host"], d["logger"], d["levelname"], d["message"]))
            o.write((text + (" " + d["exc_info"] if d.get("exc_info") else "")).replace("\n", "\\n") + "\n")


def ripgrep(path, folder, asked):
    """Counts in the lines of text, all in the page cache; `asked`: {name: [pattern]}, regular for Q9."""
    if not shutil.which("rg"):
        return {}
    lines = os.path.join(folder, "lines.txt")
    write_lines(path, lines)
    found = {}
    for name, words in asked.items():
        if not words:
            continue
        how = ["-e"] if name == "Q9" else ["-iFe"]
        found[name] = "rg " + ms([timed(lambda w=w: subprocess.call(
            ["rg", "-c", *how, w, lines], stdout=subprocess.DEVNULL)) for w in words])
    os.remove(lines)
    return found


class Sqlite:
    """One table with B-trees and a contentless FTS5 index, as an application would embed it."""

    def __init__(self, path, folder):
        self.file = os.path.join(folder, "peer.db")
        self.found = {}
        if os.path.exists(self.file):
            os.remove(self.file)
        before = resource.getrusage(resource.RUSAGE_SELF)
        self.db = sqlite3.connect(self.file, isolation_level=None)
        try:
            self.db.executescript("pragma journal_mode=wal; pragma cache_size=-256000;" + TABLE)
        except sqlite3.OperationalError:
            self.db = None  # built without FTS5
            return
        rows = self.load(path)
        self.db.executescript(INDEXES + "pragma wal_checkpoint(truncate)")
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.found["ingest"] = "SQLite %d" % (rows / cpu)
        self.found["disk"] = "SQLite %.0f MB" % (os.path.getsize(self.file) / 1e6)

    def load(self, path):
        rows, n = [], 0
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                n += 1
                d = json.loads(line)
                rows.append((n, d.get("@timestamp") or d["time"], d["host"], d["levelname"], d["logger"],
                             d.get("request_id"), d["message"], line))
                if len(rows) == 10000:
                    self.put(rows)
                    rows = []
        self.put(rows)
        return n

    def put(self, rows):
        self.db.execute("begin")
        self.db.executemany("insert into logs values (?,?,?,?,?,?,?,?)", rows)
        self.db.executemany("insert into words(rowid, message) values (?,?)", [(r[0], r[6]) for r in rows])
        self.db.execute("commit")

    def ask(self, sql, args):
        return ms([timed(lambda a=a: self.db.execute(sql, a).fetchall()) for a in args])

    def queries(self, w):
        if not self.db:
            return self.found
        newest = "select * from logs where id in (select rowid from words where words match ? order by rowid desc limit 100)"
        count = "select count(*) from words where words match ?"
        match = {"Q2": w.once, "Q3": w.ten, "Q4": w.common, "Q6": w.phrases}
        for name, words in match.items():
            self.found[name] = "SQLite " + self.ask(newest, [('"%s"' % t,) for t in words])
        for name, words in {"Q3b": w.thousand, "Q5": w.common, "Q6c": w.phrases}.items():
            self.found[name] = "SQLite " + self.ask(count, [('"%s"' % t,) for t in words])
        self.found["Q1"] = "SQLite " + self.ask("select * from logs order by at desc limit 100", [()] * 5)
        self.found["Q7"] = "SQLite " + self.ask(
            "select * from logs where host=? and level='ERROR' order by at desc limit 100", [(h,) for h in w.hosts])
        for name, n in (("Q8", 16), ("Q8h", 13)):
            self.found[name] = "SQLite " + self.ask(
                "select substr(at,1,%d) as t, count(*) from logs where level=? group by t" % n,
                [(v,) for v in w.levels if v != "INFO"])
        self.found["Q10"] = "SQLite " + self.ask(
            "select logger, count(*) n from logs where id in (select rowid from words where words match ?)"
            " group by logger order by n desc limit 10", [('"%s"' % t,) for t in w.common])
        self.found["Q11"] = "SQLite " + self.ask("select * from logs where request=?", [(r,) for r in w.requests])
        return self.found


def all_of(path, folder, words, wanted, hard_bytes):
    """The figures of those of zstd, rg, sqlite that are wanted; several for one figure are joined."""
    parts = []
    if "zstd" in wanted:
        parts.append(zstd(path, hard_bytes))
    if "sqlite" in wanted:
        parts.append(Sqlite(path, folder).queries(words))
    if "rg" in wanted:
        parts.append(ripgrep(path, folder, {
            "Q2": words.once, "Q3": words.ten, "Q3b": words.thousand, "Q5": words.common, "Q6c": words.phrases,
            "Q9": words.regexes, "Q9b": words.parts}))
    found = {}
    for part in parts:
        for name, text in part.items():
            if text.endswith(" -"):  # nothing to ask for
                continue
            found[name] = "; ".join(filter(None, (found.get(name), text)))
    return found
