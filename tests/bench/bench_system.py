#!/usr/bin/python3
"""Measures a whole alco from outside and prints one table: ingest over HTTP, memory, disk beside
zstd -9 of the same JSON, queries, and a directory of many indexes and days. See tests/bench/README.md.

  bench_system.py [ALCO] [--rows N] [--file NDJSON] [--indexes 100 --days 30]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from alco_process import Alco  # noqa: E402

POST_BYTES = 4 << 20


def row(name, value):
    print("%-58s %s" % (name, value), flush=True)


def posts(path):
    """The file in pieces of whole lines of about POST_BYTES."""
    with open(path, "rb") as f:
        while True:
            piece = f.read(POST_BYTES)
            if not piece:
                return
            yield piece + f.readline()


def ingest(binary, path, connections, folder):
    data = os.path.join(folder, "data-%d" % connections)
    alco = Alco(binary, data)
    began = time.monotonic()
    with ThreadPoolExecutor(connections) as pool:
        answers = list(pool.map(
            lambda body: alco.request("POST", "/api/v1/indexes/logs/logs", body), posts(path)))
    wall = time.monotonic() - began
    cpu = alco.cpu_seconds()
    accepted = sum(a["accepted"] for a in answers)
    alco.request("POST", "/api/v1/indexes/logs/compact")
    settled = alco.cpu_seconds()
    row("ingest over HTTP, %d connection(s): rows" % connections, accepted)
    row("  rows per second, wall", round(accepted / wall))
    row("  rows per CPU second of the server, replies durable", round(accepted / cpu))
    row("  rows per CPU second with everything settled", round(accepted / settled))
    row("  peak RSS, MB", round(alco.memory_mb("VmHWM"), 1))
    row("  bytes written to disk, MB", round(alco.written_bytes() / 1e6, 1))
    return alco, accepted


def disk(alco, path):
    time.sleep(10)  # the promise is about ten seconds after the last record
    packed = int(subprocess.check_output("zstd -9 -q -c '%s' | wc -c" % path, shell=True))
    row("JSON, MB", round(os.path.getsize(path) / 1e6, 1))
    row("zstd -9 of the JSON, MB", round(packed / 1e6, 2))
    row("disk 10 s after the last record, MB", round(alco.disk_bytes() / 1e6, 2))
    row("  share of zstd -9", "%.2f" % (alco.disk_bytes() / packed))


def queries(alco):
    asked = [
        ("newest 100 lines", "search?limit=100", ""),
        ("newest 100 of a common word", "search?limit=100", "timeout"),
        ("newest 100 of a phrase", "search?limit=100", "payment gateway timeout"),
        ("newest 100 of two fields", "search?limit=100", "@host=web-07 @levelname=ERROR"),
        ("one request id", "search?limit=100", "@request_id=%s"),
        ("count of a common word", "count?", "timeout"),
        ("count of a rare part of a token", "count?", "73.190"),
        ("count of a regular expression", "count?", "/blk_[0-9]*77[0-9]*/"),
        ("errors per minute", "histogram?interval=1m&by=levelname&from=-1d", "@levelname=ERROR"),
        ("top loggers of a word", "values?field=logger", "timeout"),
    ]
    newest = alco.request("GET", "/api/v1/indexes/logs/search?limit=1")["hits"][0]
    for name, what, text in asked:
        if "%s" in text:
            text = text % newest["fields"]["request_id"]
        address = "/api/v1/indexes/logs/%s&q=%s" % (what, urllib.parse.quote(text))
        server, wall, partial = [], [], False
        for _ in range(5):
            began = time.monotonic()
            answer = alco.request("GET", address)
            wall.append(1000 * (time.monotonic() - began))
            server.append(answer["took_ms"])
            partial = partial or answer["partial"]
        row("  " + name, "%.2f ms in the server, %.2f ms at the client%s" % (
            statistics.median(server), statistics.median(wall), ", PARTIAL" if partial else ""))


def many(binary, indexes, days, folder):
    data = os.path.join(folder, "many")
    alco = Alco(binary, data)
    now = int(time.time())
    for i in range(indexes):
        name = "idx%03d" % i
        alco.request("POST", "/api/v1/indexes", json.dumps({"name": name, "intervals": 36500}),
                     {"Content-Type": "application/json"})
        lines = []
        for day in range(days):
            for k in range(20):
                lines.append(json.dumps({
                    "@timestamp": now - day * 86400 - k, "message": "record %d of day %d" % (k, day),
                    "host": "web-%d" % (k % 3), "levelname": "INFO"}))
        alco.request("POST", "/api/v1/indexes/%s/logs" % name, "\n".join(lines))
    for i in range(indexes):
        alco.request("POST", "/api/v1/indexes/idx%03d/compact" % i)
    row("%d indexes with %d days each: RSS after making them, MB" % (indexes, days), round(alco.memory_mb(), 1))
    row("  descriptors", alco.descriptors())
    alco.stop()
    again = Alco(binary, data)
    row("  start until ready, ms", round(1000 * again.start_seconds, 1))
    row("  RSS after start, MB", round(again.memory_mb(), 1))
    names = ",".join("idx%03d" % i for i in range(indexes))
    found = again.request("GET", "/api/v1/indexes/%s/count" % names)["count"]
    row("  records found over all of them", "%d of %d" % (found, indexes * days * 20))
    row("  RSS after counting them, MB", round(again.memory_mb(), 1))
    row("  descriptors after counting them", again.descriptors())
    again.stop()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("alco", nargs="?", default=os.environ.get("ALCO", "build/alco"))
    ap.add_argument("--rows", type=int, default=1000000)
    ap.add_argument("--file", help="NDJSON to use instead of made records")
    ap.add_argument("--indexes", type=int, default=100)
    ap.add_argument("--days", type=int, default=30)
    a = ap.parse_args()
    folder = tempfile.mkdtemp(prefix="alco-bench-")
    try:
        path = a.file or os.path.join(folder, "logs.jsonl")
        if not a.file:
            here = os.path.dirname(os.path.abspath(__file__))
            subprocess.check_call([sys.executable, os.path.join(here, "make_logs.py"), "--rows", str(a.rows),
                                   "--seed", "7", "--out", path])
        one, _ = ingest(a.alco, path, 1, folder)
        one.stop()
        two, _ = ingest(a.alco, path, 2, folder)
        disk(two, path)
        row("idle RSS, MB", round(two.memory_mb(), 1))
        queries(two)
        row("RSS after the queries, MB", round(two.memory_mb(), 1))
        two.stop()
        again = Alco(a.alco, two.data)
        row("start until ready with the data, ms", round(1000 * again.start_seconds, 1))
        row("idle RSS after start with the data, MB", round(again.memory_mb(), 1))
        again.stop()
        many(a.alco, a.indexes, a.days, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
