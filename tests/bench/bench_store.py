#!/usr/bin/python3
"""Measures the embedded store through a whole alco and prints a table of figures beside their goals:
ingest over HTTP, memory, bytes on disk and written, every kind of question over varied words, start.

  ./dev bench store                       2.6 million records of the shape `services`, 1 million of `edge`
  tests/bench/bench_store.py [ALCO] [--set services|edge|FILE] [--rows N] [--connections N]
                             [--cold] [--times 10] [--peers zstd,sqlite,rg] [--json FILE] [--keep DIR [--reuse]]
  ALCO_BENCH_DATA=FILE                    that file of NDJSON instead of the two sets
  ALCO_BENCH_MAKE='CMD {seed} {start}'    with --times: what streams the further parts of such a file to
                                          stdout; {start} is their first day
Medians; CPU is the server's. See tests/bench/README.md.
"""
import argparse
import contextlib
import http.client
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from alco_process import Alco  # noqa: E402
from store_words import Words, questions  # noqa: E402
import store_peers  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
POST_BYTES = 4 << 20
FIRST_DAY, DAYS = date(2026, 11, 1), 3
SETS = {"services": 2600000, "edge": 1000000}

# Figure, unit, goal and whether more is better. Questions: ms in the server.
GOALS = [
    ("ingest", "rows a CPU second, replies durable", 300000, True),
    ("settled", "rows a CPU second, everything settled", 200000, True),
    ("peak", "peak RSS while ingesting, MB", 100, False),
    ("disk", "MB on disk after compact", 40, False),
    ("written", "bytes written a byte kept", 4, False),
    ("Q1", "newest 100", 1, False), ("Q2", "a token once", 1, False), ("Q3", "ten times", 1, False),
    ("Q3b", "count of one in a thousand rows", 1, False), ("Q4", "newest 100 of a common word", 1, False),
    ("Q5", "count of it", 8, False), ("Q6", "newest 100 of a phrase", 1, False), ("Q6c", "count of it", 4, False),
    ("Q7", "newest 100 of two fields", 1, False), ("Q8", "errors a minute", 8, False),
    ("Q8h", "errors an hour", 8, False), ("Q9", "regular expression inside tokens, count", 100, False),
    ("Q9b", "part of a token, count", 20, False), ("Q10", "top loggers of a common word", 12, False),
    ("Q11", "all of a request id", 1, False),
    ("idle", "RSS after a start with the data, MB", 16, False),
    ("asked", "RSS after the questions, MB", 64, False),
    ("start", "start until ready with the data, ms", 30, False),
    ("visible", "acknowledged and not found by the next search, of 20", 0, False),
]


def posts(stream):
    """A binary stream in pieces of whole lines of about POST_BYTES."""
    while True:
        piece = stream.read(POST_BYTES)
        if not piece:
            return
        yield piece + stream.readline()


def parts(path, times, shape, rows):
    """Streams of the data: the file, then `times` - 1 more of its kind with other values, days later."""
    with open(path, "rb") as f:
        yield f
    for k in range(1, times):
        start = FIRST_DAY + timedelta(days=DAYS * k)
        if shape:
            command = [sys.executable, os.path.join(HERE, "make_set.py"), "--shape", shape, "--rows", str(rows),
                       "--seed", str(7 + k), "--start", start.isoformat() + "T00:00:00"]
        else:
            command = shlex.split(os.environ["ALCO_BENCH_MAKE"].format(
                seed=7 + k, start=start.isoformat() + "T00:00:00"))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as p:
            yield p.stdout
        if p.returncode:
            raise RuntimeError("%s: %d" % (command, p.returncode))


class Client:
    """Connections that stay open, one a thread."""

    def __init__(self, alco):
        self.alco, self.own = alco, threading.local()

    def ask(self, method, path, body=None):
        if not hasattr(self.own, "http"):
            self.own.http = http.client.HTTPConnection(*self.alco.address, timeout=600)
        self.own.http.request(method, "/api/v1/indexes/logs/" + path, body)
        response = self.own.http.getresponse()
        text = response.read()
        if response.status >= 300:
            raise RuntimeError("%s %s: %d %s" % (method, path, response.status, text[:300]))
        return json.loads(text) if text else None


def still(alco):
    """Returns when the directory has not changed for a while: files are given back within 10 s."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 12:
        now = alco.disk_bytes()
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(.5)
    return seen


def ingest(alco, streams, connections, figures):
    client = Client(alco)
    idle_cpu = alco.cpu_seconds()
    accepted, began = 0, time.monotonic()
    gate = threading.Semaphore(2 * connections)  # pieces in memory

    def post(body):
        try:
            return client.ask("POST", "logs", body)["accepted"]
        finally:
            gate.release()

    with ThreadPoolExecutor(connections) as pool:
        waiting = []
        for stream in streams:
            for body in posts(stream):
                gate.acquire()
                waiting.append(pool.submit(post, body))
                while waiting and waiting[0].done():
                    accepted += waiting.pop(0).result()
        accepted += sum(w.result() for w in waiting)
    figures["wall"] = round(accepted / (time.monotonic() - began))
    figures["ingest"] = round(accepted / (alco.cpu_seconds() - idle_cpu))
    figures["written_at_reply"] = round(alco.written_bytes() / 1e6, 1)
    client.ask("POST", "compact")
    figures["settled"] = round(accepted / (alco.cpu_seconds() - idle_cpu))
    figures["peak"] = round(alco.memory_mb("VmHWM"), 1)
    written, kept = alco.written_bytes(), still(alco)
    figures["rows"] = accepted
    figures["disk"] = round(kept / 1e6, 2)
    figures["bytes_a_row"] = round(kept / accepted, 2)
    figures["written"] = round(written / kept, 2)


def drop_cache(folder):
    """The files of the directory leave the page cache; what the server itself keeps stays."""
    for where, _, files in os.walk(folder):
        for name in files:
            fd = os.open(os.path.join(where, name), os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def ask_all(alco, words, is_cold, figures):
    client = Client(alco)
    for name, what, asked in questions(words, figures["times"]):
        server, outside, answers, partial, cpu = [], [], [], [], alco.cpu_seconds()
        for query, more in asked:
            path = "%s?%s" % (what, urllib.parse.urlencode(dict(more, q=query)))
            if is_cold:
                drop_cache(alco.data)
            began = time.monotonic()
            answer = client.ask("GET", path)
            outside.append(1000 * (time.monotonic() - began))
            server.append(answer["took_ms"])
            answers.append(answer.get("count", len(answer.get("hits", answer.get("buckets", answer.get("values", []))))))
            partial += answer["partial_why"]
        if not asked:
            continue
        key = name + "_cold" if is_cold else name
        figures[key] = round(statistics.median(server), 2)
        figures[key + "_more"] = {
            "words": len(asked), "most": round(max(server), 2), "client": round(statistics.median(outside), 2),
            "answer": statistics.median(answers), "cpu_ms": round(1000 * (alco.cpu_seconds() - cpu) / len(asked), 1)}
        if partial:  # an answer that is not whole proves nothing
            figures[key + "_more"]["partial"] = [len(partial), partial[0]["why"]]


def visible(alco, figures):
    """Records that the next search after their acknowledgement does not find."""
    client = Client(alco)
    missed, at = 0, time.time()
    for i in range(20):
        token = "seen%dq%d" % (at, i)
        client.ask("POST", "logs", json.dumps({"message": "look for " + token, "host": "here"}))
        missed += client.ask("GET", "count?q=" + token)["count"] != 1
    figures["visible"] = missed


def starts(binary, data, figures):
    """Medians of five starts."""
    seconds, idle = [], []
    for _ in range(5):
        with running(binary, data) as alco:
            seconds.append(1000 * alco.start_seconds)
            idle.append(alco.memory_mb())
    figures["start"] = round(statistics.median(seconds), 1)
    figures["idle"] = round(statistics.median(idle), 1)


@contextlib.contextmanager
def running(binary, data):
    """An alco that ends with the block, whatever happens in it."""
    alco = Alco(binary, data)
    try:
        yield alco
    finally:
        alco.stop()


def measure(a, path, shape, folder, title, words, times):
    """All figures of one set, `times` times as large, with the words of its first part."""
    print("\n## %s: %d records, %.0f MB of JSON, %d distinct tokens; %d time(s)" % (
        title, words.rows, os.path.getsize(path) / 1e6, words.distinct, times), flush=True)
    data = os.path.join(a.keep or folder, "data-%s-%d" % (title, times))
    reuse = a.reuse and os.path.isdir(data)
    if not reuse:
        shutil.rmtree(data, ignore_errors=True)
    figures = {"set": title, "times": times, "json_mb": round(os.path.getsize(path) / 1e6, 1)}
    if not reuse:
        with running(a.alco, data) as alco:
            ingest(alco, parts(path, times, shape, words.rows), a.connections, figures)
    starts(a.alco, data, figures)
    with running(a.alco, data) as alco:
        ask_all(alco, words, False, figures)
        figures["asked"] = round(alco.memory_mb(), 1)
    if a.cold:
        with running(a.alco, data) as alco:
            ask_all(alco, words, True, figures)
    if not a.keep:  # the kept data stay as they were measured
        with running(a.alco, data) as alco:
            visible(alco, figures)
    if not a.keep:
        shutil.rmtree(data)
    return figures


def show(figures, peers, once=None):
    """The table; `once`: figures of the same set once, to tell growth from."""
    print("%-8s %-52s %9s %9s  %-12s %s" % ("figure", "", "goal", "alco", "", "peers in this run"))
    for name, what, goal, is_more_better in GOALS:
        if name not in figures:
            continue
        value = figures[name]
        better = value / goal if is_more_better and goal else goal / value if value else None
        verdict = "met" if (value >= goal if is_more_better else value <= goal) else "missed"
        if better:
            verdict += " %.2fx" % (better if better >= 1 else 1 / better)
        grown = "grown %.2fx" % (value / once[name]) if once and once.get(name) else peers.get(name, "")
        print("%-8s %-52s %9s %9s  %-12s %s" % (name, what, goal, value, verdict, grown))
        more, cold = figures.get(name + "_more"), figures.get(name + "_cold")
        if more:
            print("%8s   %s" % ("", "%(words)d asked, %(answer)g found, most %(most)s ms, client %(client)s, CPU %(cpu_ms)s"
                                % more + (", cold %s" % cold if cold is not None else "")
                                + (", NOT WHOLE %d times: %s" % tuple(more["partial"]) if "partial" in more else "")))
    if "wall" in figures:
        print("also: %(bytes_a_row)s bytes a row, %(wall)s rows a second of wall time, "
              "%(written_at_reply)s MB written at the last reply" % figures, flush=True)


def keep_figures(path, figures):
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write(json.dumps(figures) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("alco", nargs="?", default=os.environ.get("ALCO", "build/alco"))
    ap.add_argument("--set", action="append", help="services, edge, or a file; several times")
    ap.add_argument("--rows", type=int, help="of each made set")
    ap.add_argument("--connections", type=int, default=1)
    ap.add_argument("--words", type=int, default=15, help="words of each kind")
    ap.add_argument("--seed", type=int, default=1, help="of the choice of words")
    ap.add_argument("--times", type=int, default=1, help="then so many times the data, streamed")
    ap.add_argument("--cold", action="store_true", help="each question also with a cold page cache")
    ap.add_argument("--peers", default="zstd,sqlite,rg", help="a list; empty: none")
    ap.add_argument("--hard-mb", type=int, default=0, help="zstd -19 --long on so many MB (0: not)")
    ap.add_argument("--json", help="append the figures to this file, a line a set")
    ap.add_argument("--keep", help="data directories stay in this folder")
    ap.add_argument("--reuse", action="store_true", help="ask those that are there already, of a run with --keep")
    a = ap.parse_args()
    given = os.environ.get("ALCO_BENCH_DATA")
    folder = tempfile.mkdtemp(prefix="alco-bench-")
    try:
        for name in a.set or ([given] if given else list(SETS)):
            path, shape = name, None
            if name in SETS:
                path, shape = os.path.join(folder, name + ".jsonl"), name
                subprocess.check_call([sys.executable, os.path.join(HERE, "make_set.py"), "--shape", name,
                                       "--rows", str(a.rows or SETS[name]), "--out", path])
            title, words = os.path.basename(name), Words(path, a.words, a.seed)
            figures = measure(a, path, shape, folder, title, words, 1)
            peers = store_peers.all_of(path, folder, words, a.peers.split(","), a.hard_mb * 1000000)
            show(figures, peers)
            keep_figures(a.json, dict(figures, peers=peers))
            if a.times > 1:
                more = measure(a, path, shape, folder, title, words, a.times)
                show(more, {}, figures)
                keep_figures(a.json, more)
            if shape:
                os.remove(path)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
