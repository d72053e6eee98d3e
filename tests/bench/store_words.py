"""What `./dev bench store` asks for: words found in the data itself, several for each kind of
question, so that a median is over different words and no cache of answers can flatter."""
import collections
import json
import random
import re

TOKEN = re.compile(r"[A-Za-z0-9]{4,}")
MESSAGE = re.compile(r'"message":\s*"((?:[^"\\]|\\.)*)"')
PHRASE = re.compile(r"(?<![A-Za-z])([A-Za-z]{4,} [A-Za-z]{3,})(?![A-Za-z])")
MARKED = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2,8}[_=:-]-?)[0-9]{5,}")
INNER = re.compile(r"[0-9]{1,3}\.([0-9]{2,3}\.[0-9]{2,3})\.[0-9]{1,3}")
SAMPLE_EVERY = 50


class Words:
    """Lists of at most `n` words each; those that the data does not offer are empty."""

    def __init__(self, path, n, seed):
        rng = random.Random(seed)
        count, phrases, marks = (collections.Counter() for _ in range(3))
        fields = {name: collections.Counter() for name in ("host", "levelname", "logger")}
        requests, inner = [], []
        self.rows = self.bytes = 0
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                self.rows += 1
                found = MESSAGE.search(line)
                count.update(set(TOKEN.findall(found.group(1))) if found else ())
                if self.rows % SAMPLE_EVERY:
                    continue
                doc = json.loads(line)
                text = doc["message"]
                phrases.update(set(PHRASE.findall(text)))
                marks.update(set(MARKED.findall(text)))
                inner += INNER.findall(text)
                for name, values in fields.items():
                    values[doc.get(name)] += 1
                if "request_id" in doc:
                    requests.append(doc["request_id"])
        self.distinct = len(count)

        def between(low, high, good):
            words = sorted(w for w, k in count.items() if low <= k <= high and good(w))
            return rng.sample(words, min(n, len(words)))

        def has_digit(w):
            return any(c.isdigit() for c in w)

        many = self.rows
        self.once = between(1, 1, lambda w: len(w) >= 8 and has_digit(w))
        self.ten = between(8, 12, lambda w: len(w) >= 6 and has_digit(w))
        self.thousand = between(400, 2500, lambda w: len(w) >= 5)
        self.common = between(.02 * many, .2 * many, str.isalpha)
        share = many / SAMPLE_EVERY
        self.phrases = self._some(rng, [p for p, k in phrases.items() if .004 * share <= k <= .06 * share], n)
        self.hosts = [h for h, _ in fields["host"].most_common(n) if h]
        self.levels = [v for v, _ in fields["levelname"].most_common() if v]
        self.requests = self._some(rng, sorted(set(requests)), n)
        self.parts = self._some(rng, sorted(set(inner)), n)
        # Digits inside a token that begins with a word: blk_...77...
        marked = [m for m, _ in marks.most_common(3)] or [""]
        self.regexes = ["%s[0-9]*%d[0-9]*" % (re.escape(rng.choice(marked)).replace("\\-\\-", "-?-").replace("\\", ""),
                                              rng.randrange(10, 100)) for _ in range(n)]

    @staticmethod
    def _some(rng, words, n):
        words = sorted(words)
        return rng.sample(words, min(n, len(words)))


def questions(words, times):
    """(name, path without the index, [(query, parameters)]) in the order of the table."""
    minutes = "1m" if times <= 2 else "5m"  # an answer has at most 10,000 buckets
    def every(texts, **more):
        return [(t, more) for t in texts]

    error = [("@levelname=%s" % v, {}) for v in words.levels if v in ("ERROR", "WARNING", "CRITICAL", "DEBUG")]
    hosts = ["@host=%s @levelname=%s" % (h, "ERROR" if "ERROR" in words.levels else words.levels[-1])
             for h in words.hosts]
    quoted = ['"%s"' % w for w in words.phrases]
    return [
        ("Q1", "search", every([""] * 5, limit=100)),
        ("Q2", "search", every(words.once, limit=100)),
        ("Q3", "search", every(words.ten, limit=100)),
        ("Q3b", "count", every(words.thousand)),
        ("Q4", "search", every(words.common, limit=100)),
        ("Q5", "count", every(words.common)),
        ("Q6", "search", every(quoted, limit=100)),
        ("Q6c", "count", every(quoted)),
        ("Q7", "search", every(hosts, limit=100)),
        ("Q8", "histogram", [(q, dict(m, interval=minutes)) for q, m in error]),
        ("Q8h", "histogram", [(q, dict(m, interval="1h")) for q, m in error]),
        ("Q9", "count", every("/%s/" % r for r in words.regexes)),
        ("Q9b", "count", every(words.parts)),
        ("Q10", "values", every(words.common, field="logger", limit=10)),
        ("Q11", "search", every(["@request_id=%s" % r for r in words.requests], limit=100)),
    ]
