#!/usr/bin/python3
"""Makes realistic log messages of a small shop of services, as logcollect sends them, one JSON
document a line. Deterministic for a seed. The services, words and numbers are invented here.

  make_logs.py --rows 1000000 --days 3 --seed 7 --out logs.jsonl
"""
import argparse
import json
import random
import sys
from datetime import datetime, timedelta

TEMPLATES = [
    # weight, logger, level, text; {..} are filled from SLOTS
    (30, "shop.http", "INFO", "{method} {path} {status} in {ms} ms from {ip}"),
    (12, "shop.http", "WARNING", "slow request {method} {path}: {ms} ms, {n} queries"),
    (18, "shop.orders", "INFO", "order {order} accepted, {n} items, {money} EUR"),
    (6, "shop.orders", "WARNING", "payment gateway timeout after {ms} ms, try {n} of 3 (order {order})"),
    (2, "shop.orders", "ERROR", "giving up on order {order}: gateway timeout"),
    (14, "shop.auth", "INFO", "session {hex} renewed for user {user}"),
    (5, "shop.auth", "WARNING", "failed password for {user} from {ip} port {port}"),
    (10, "shop.cache", "DEBUG", "miss {path}:{order} ttl {n}"),
    (8, "worker.mail", "INFO", "sent message {uuid} to {user}@example.org in {ms} ms"),
    (6, "worker.blocks", "INFO", "received block blk_{big} of size {big2} from {ip}:{port}"),
    (4, "worker.blocks", "ERROR", "block blk_{big} is corrupt at offset {big2}, fetching from {ip}"),
    (3, "db.pool", "INFO", "connection {n} returned, {ms} idle of {port}"),
]
METHODS = ["GET", "POST", "PUT", "DELETE"]
PATHS = ["/api/orders", "/api/cart", "/static/app.js", "/login", "/api/users/{}/mail", "/health"]
TRACE = ('Traceback (most recent call last):\n  File "/srv/shop/pay.py", line {}, in charge\n'
         '    return gateway.post(order, timeout=2.0)\nTimeoutError: no answer in {} ms\n')


def slots(rng):
    return {
        "method": METHODS[int(4 * rng.random() ** 2)],
        "path": PATHS[int(len(PATHS) * rng.random())].format(rng.randrange(5000)),
        "status": rng.choice((200, 200, 200, 200, 201, 304, 404, 500)),
        "ms": int(rng.expovariate(1 / 40)),
        "ip": "10.%d.%d.%d" % (rng.randrange(4), rng.randrange(256), rng.randrange(256)),
        "n": rng.randrange(10),
        "order": 800000 + rng.randrange(200000),
        "money": "%.2f" % rng.expovariate(1 / 50),
        "hex": "%08x" % rng.getrandbits(32),
        "uuid": "%08x-%04x-%04x" % (rng.getrandbits(32), rng.getrandbits(16), rng.getrandbits(16)),
        "user": "user%d" % int(5000 * rng.random() ** 2),
        "port": rng.randrange(1024, 65536),
        "big": rng.getrandbits(62),
        "big2": rng.getrandbits(26),
    }


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rows", type=int, default=100000)
    ap.add_argument("--days", type=float, default=3)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--end", default="", help="UTC time of the last row; default: now")
    ap.add_argument("--number", action="store_true", help="put a field n with the row's number into each")
    ap.add_argument("--out", default="-")
    a = ap.parse_args()
    rng = random.Random(a.seed)
    end = datetime.fromisoformat(a.end) if a.end else datetime.utcnow()
    step = timedelta(days=a.days) / a.rows
    now = end - timedelta(days=a.days)
    weights = [t[0] for t in TEMPLATES]
    requests = [("%016x" % rng.getrandbits(64), rng.randrange(40), rng.randrange(100, 30000)) for _ in range(64)]
    out = sys.stdout if a.out == "-" else open(a.out, "w", encoding="utf-8")
    for i in range(a.rows):
        now += step * (rng.random() * 2)
        _, logger, level, text = rng.choices(TEMPLATES, weights)[0]
        k = rng.randrange(64)
        if rng.random() < 0.1:
            requests[k] = ("%016x" % rng.getrandbits(64), rng.randrange(40), rng.randrange(100, 30000))
        request, host, pid = requests[k]
        late = timedelta(seconds=2 * rng.random()) if rng.random() < 0.03 else timedelta()
        doc = {
            "@timestamp": (now - late).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "@version": 1,
            "message": text.format(**slots(rng)), "host": "web-%02d" % host, "tags": [], "type": "Logstash",
            "seq": 1, "levelname": level, "logger": logger, "stack_info": None, "process": pid,
            "request_id": request, "project": "shop", "application": logger.split(".")[0],
        }
        if level == "ERROR" and rng.random() < 0.2:
            doc["exc_info"] = TRACE.format(rng.randrange(40, 90), rng.randrange(2000, 4000))
        if a.number:
            doc["n"] = i
        out.write(json.dumps(doc) + "\n")
    if out is not sys.stdout:
        out.close()


if __name__ == "__main__":
    main()
