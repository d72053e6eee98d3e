#!/usr/bin/python3
"""Makes the two sets of records that `./dev bench store` measures, one JSON document a line,
deterministic for a seed. Programs, words and numbers are invented here.

  services  64 requests at a time, microseconds, some thousand kinds of message as programs in
            several languages write them, tracebacks, a few fields that say who spoke
  edge      2,000 requests at a time, milliseconds, few kinds: access logs, key=value, JSON inside
            the message, kernel lines; nested objects, arrays and nulls as fields

The kinds of message depend on the shape alone and not on the seed: parts made with other seeds go on
with the same programs and other values.

  make_set.py --shape services --rows 2600000 --days 3 --seed 7 --out logs.jsonl
"""
import argparse
import json
import random
import sys
import time
from datetime import datetime, timezone

NOUNS = ("lease block replica queue shard session volume image snapshot channel worker task stage "
         "cursor bucket token quota ledger cart invoice mirror route probe cache index tenant batch "
         "policy backup cluster endpoint stream buffer region disk heartbeat").split()
VERBS = ("accepted released opened closed rejected scheduled promoted fetched expired rotated "
         "verified flushed retried evicted resumed merged dropped attached renewed committed").split()
TAILS = ("after {ms} ms", "in {float} s", "from {ip}", "to {ip}:{port}", "of {int} bytes",
         "for user {user}", "on {path}", "with checksum {hex}", "id {uuid}", "(attempt {digit} of 5)",
         "at offset {big}", "because the peer {ip} went away", "by {user} from {ip} port {port}",
         "status {status}", "size {int}, {digit} left", "as {blk}", "key={hex} ttl={int}")
HEADS = ("{noun} {blk} {verb}", "{noun} {uuid} {verb}", "{verb} {noun} {int}", "{noun} {verb}",
         "[{noun}-{digit}] {verb}", "{Noun}Manager: {verb} {blk}", "cannot reach {noun} {ip}:{port}",
         "{noun} {hex}: {verb}", "{verb} {path}", "{noun}_{int} {verb}: {float}")
LANGUAGES = "core net store auth http sched rpc gc".split()
FILES = ["/srv/%s/%s_%s.py" % (p, n, v) for p in LANGUAGES for n in NOUNS[:6] for v in VERBS[:3]]
STATUS = ("200", "200", "200", "201", "204", "304", "404", "500", "503")


class Values:
    """What stands in the slots of a message."""

    def __init__(self, rng):
        self.rng, self.rnd, self.bits = rng, rng.random, rng.getrandbits
        self.ips = ["%d.%d.%d.%d" % (10 if self.rnd() < .5 else 1 + self.below(222), self.below(256),
                                     self.below(256), 1 + self.below(254)) for _ in range(20000)]
        self.users = ["%s%d" % (rng.choice(NOUNS)[:4], self.below(900)) for _ in range(3000)]
        self.uuids = [self.new_uuid() for _ in range(4000)]
        self.hexes = ["%08x" % self.bits(32) for _ in range(4000)]
        self.blocks = ["%d" % (self.bits(62) + 1) for _ in range(400)]
        self.paths = ["/%s/%s/%d" % (rng.choice(NOUNS), rng.choice(VERBS), self.below(300))
                      for _ in range(3000)]
        self.make = {
            "ms": lambda: "%d" % (4000 * self.rnd() ** 4), "float": lambda: "%.3f" % (90 * self.rnd() ** 3),
            "ip": lambda: self.skew(self.ips), "port": lambda: "%d" % (1024 + self.below(64000)),
            "int": lambda: "%d" % (10 ** (1 + self.below(6)) * self.rnd()), "user": lambda: self.skew(self.users),
            "path": lambda: self.skew(self.paths), "hex": self.hex,
            "uuid": self.uuid, "digit": lambda: "%d" % self.below(10), "big": lambda: "%d" % self.bits(36),
            "status": lambda: STATUS[self.below(9)], "blk": self.block,
        }

    def below(self, n):
        return int(n * self.rnd())

    def skew(self, pool):
        return pool[int(len(pool) * self.rnd() ** 3)]

    def new_uuid(self):
        return "%08x-%04x-4%03x-a%03x-%012x" % (
            self.bits(32), self.bits(16), self.bits(12), self.bits(12), self.bits(48))

    def uuid(self):
        if self.rnd() < .7:
            return self.skew(self.uuids)
        fresh = self.uuids[self.below(4000)] = self.new_uuid()
        return fresh

    def hex(self):
        return self.skew(self.hexes) if self.rnd() < .8 else "%08x" % self.bits(32)

    def block(self):
        i = self.below(400)
        if self.rnd() < .2:
            self.blocks[i] = "%d" % (self.bits(62) + 1)
        return "blk_" + self.blocks[i]


def kind_of(text, level, logger):
    """The text as a %-format and the names of its slots."""
    fixed, slots = [], []
    for i, piece in enumerate(text.split("{")):
        if i:
            slot, piece = piece.split("}", 1)
            slots.append(slot)
            fixed.append("%s")
        fixed.append(piece.replace("%", "%%"))
    return "".join(fixed), slots, level, logger


def program_kinds():
    """Kinds of message of eight programs, each in the order in which its source would print them."""
    rng = random.Random("kinds of message")
    programs = []
    for n in range(8):
        kinds = []
        for _ in range(400):
            noun = rng.choice(NOUNS)
            text = rng.choice(HEADS).replace("{noun}", noun).replace("{Noun}", noun.capitalize())
            text = text.replace("{verb}", rng.choice(VERBS))
            for _ in range(rng.randrange(3)):
                text += " " + rng.choice(TAILS)
            level = rng.choices(("INFO", "DEBUG", "WARNING", "ERROR"), (70, 15, 11, 4))[0]
            if level == "ERROR":
                text = "Failed " + rng.choice(("password for {user}", "request {path}", "lease {blk}")) + ": " + text
            kinds.append(kind_of(text, level, "%s.%s" % (LANGUAGES[n], noun)))
        # A program prints few of its lines often.
        programs.append([kinds[int(400 * rng.random() ** 3)] for _ in range(1500)])
    return programs


def traceback(v, rng):
    depth = 4 + v.below(9)
    first = int(60 * v.rnd() ** 2)
    lines = ["Traceback (most recent call last):"]
    for k in range(depth):
        f = FILES[(first * 7 + k) % len(FILES)]
        lines.append('  File "%s", line %d, in %s\n    return self.%s(%s)' % (
            f, 10 + (first * 31 + k * 17) % 800, VERBS[(first + k) % 20], VERBS[k % 20], NOUNS[(first + k) % 36]))
    lines.append("TimeoutError: no answer for %06x" % rng.getrandbits(24))
    return "\n".join(lines)


class Services:
    """Few requests at a time; each is one process of one program on one host."""
    at_once, clock = 64, 6

    def __init__(self, rng):
        self.v, self.rng = Values(rng), rng
        self.programs = program_kinds()
        self.requests = [self.request() for _ in range(self.at_once)]

    def request(self):
        v, rng = self.v, self.rng
        p = v.below(8)
        host = "%s-%02d.prod" % (("web", "api", "data", "work", "auth")[v.below(5)], 1 + v.below(8))
        said = {"project": ("storage", "compute", "edge", "platform")[p % 4],
                "application": "%s-%s" % (LANGUAGES[p], ("main", "sched", "worker")[v.below(3)]),
                "process": 300 + (hash_of(host) * 7 + p * 131 + v.below(6) * 997) % 31000}
        if v.rnd() < .6:
            said["request_id"] = v.new_uuid()
            if v.rnd() < .5:
                said["user_id"] = int(200000 * v.rnd() ** 3)
        return [self.programs[p], v.below(1500), 5 + v.below(16), host, json.dumps(said)[1:-1]]

    def row(self, stamp):
        v = self.v
        k = v.below(self.at_once)
        r = self.requests[k]
        kinds, at, left, host, said = r
        fixed, slots, level, logger = kinds[at]
        r[1] = (at + 1) % len(kinds)
        r[2] = left - 1
        if left <= 1:
            self.requests[k] = self.request()
        text = fixed % tuple([v.make[s]() for s in slots])
        more = ""
        if v.rnd() < .2:
            more = ', "duration_ms": %.3f' % (40 * v.rnd() ** 2 if v.rnd() > .02 else 900 * v.rnd())
        if v.rnd() < .003:
            level = "ERROR"
            more += ', "exc_info": %s, "lineno": %d' % (json.dumps(traceback(v, self.rng)), v.below(900))
        return ('{"@timestamp": "%sZ", "@version": 1, "message": "%s", "host": "%s", "tags": [], '
                '"type": "Logstash", "seq": 1, "levelname": "%s", "logger": "%s", %s%s}\n' % (
                    stamp, text, host, level, logger, said, more))


class Edge:
    """Thousands of requests at a time, each from its own client; times in whole milliseconds."""
    at_once, clock = 2000, 3
    agents = ["Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0" % (n, n) for n in range(90, 130)]

    def __init__(self, rng):
        self.v, self.rng = Values(rng), rng
        self.requests = [self.request() for _ in range(self.at_once)]

    def request(self):
        v = self.v
        return ["%016x" % v.bits(64), v.skew(v.ips), "edge%03d" % v.below(120), v.below(8), 3 + v.below(10),
                v.skew(v.paths), self.agents[v.below(40)]]

    def row(self, stamp):
        v = self.v
        k = v.below(self.at_once)
        r = self.requests[k]
        trace, ip, host, worker, left, path, agent = r
        r[4] = left - 1
        if left <= 1:
            self.requests[k] = self.request()
        kind, status, took = v.below(20), STATUS[v.below(9)], int(900 * v.rnd() ** 5)
        level = "ERROR" if status[0] == "5" else "INFO"
        if kind < 9:
            logger, text = "access", '%s - - "GET %s?page=%d HTTP/1.1" %s %d "-" "%s"' % (
                ip, path, v.below(40), status, 200 + v.below(90000), agent)
        elif kind < 13:
            logger, text = "router", "level=%s trace=%s upstream=%s:%d tries=%d took=%dms cache=%s" % (
                level.lower(), trace[:8], v.skew(v.ips), 8000 + v.below(6), 1 + v.below(3), took,
                ("HIT", "MISS", "STALE")[v.below(3)])
        elif kind < 16:
            logger, text = "events", json.dumps({"event": VERBS[v.below(20)], "object": {
                "id": v.bits(40), "kind": NOUNS[v.below(36)], "weight": round(v.rnd() * 9, 2)}, "ok": status[0] == "2"})
        elif kind < 18:
            logger, level, text = "limiter", "WARNING", "client %s over limit: %d requests in the last %d s, token bucket %s" % (
                ip, 100 + v.below(900), 10 * (1 + v.below(6)), v.users[v.below(3000)])
        elif kind < 19:
            logger, text = "kernel", "TCP: request_sock_TCP: Possible SYN flooding on port %d. Sending cookies. Check SNMP counters." % (
                80 + v.below(4))
        else:
            logger, level, text = "tls", "DEBUG", "handshake %s with %s finished: TLSv1.3 ECDHE %d bits, session %s reused=%s" % (
                trace, ip, (256, 384)[v.below(2)], v.make["hex"](), ("yes", "no")[v.below(2)])
        return ('{"time": "%sZ", "levelname": "%s", "logger": "%s", "host": "%s", "message": %s, "request_id": "%s", '
                '"http": {"status": %s, "bytes": %d, "took_ms": %d}, "tags": [%s], "pid": %d, "cause": null}\n' % (
                    stamp, level, logger, host, json.dumps(text), trace, status, v.below(90000), took,
                    '"canary"' if worker == 7 else "", 1000 + worker))


def hash_of(text):
    """As hash(), but the same in every process."""
    n = 0
    for c in text:
        n = (n * 31 + ord(c)) & 0xffff
    return n


SHAPES = {"services": Services, "edge": Edge}


def make(shape, rows, days, seed, start, out):
    rng = random.Random(seed)
    maker = SHAPES[shape](rng)
    rnd, row = rng.random, maker.row
    digits, unit = maker.clock, 10 ** maker.clock
    begin = datetime.fromisoformat(start).replace(tzinfo=timezone.utc).timestamp()
    end, now, pace = begin + days * 86400, begin, 1.0
    second, stamp = -1, ""
    for i in range(rows):
        if i & 1023 == 0:  # busy and quiet spells, on schedule over all
            pace = (end - now) / max(1, rows - i) * (.5 + rnd())
        now = min(now + pace * 2 * rnd(), end)
        at = now - 2 * rnd() if rnd() < .03 and now - begin > 2 else now
        if int(at) != second:
            second = int(at)
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        out.write(row("%s.%0*d" % (stamp, digits, int((at - second) * unit))))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--shape", choices=sorted(SHAPES), default="services")
    ap.add_argument("--rows", type=int, default=100000)
    ap.add_argument("--days", type=float, default=3)
    ap.add_argument("--seed", type=int, default=7)
    ap.add_argument("--start", default="2026-11-01T00:00:00", help="UTC time of the first row")
    ap.add_argument("--out", default="-")
    a = ap.parse_args()
    out = sys.stdout if a.out == "-" else open(a.out, "w", encoding="utf-8", buffering=1 << 20)
    make(a.shape, a.rows, a.days, a.seed, a.start, out)
    out.close()


if __name__ == "__main__":
    main()
