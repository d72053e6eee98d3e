"""Goal: the reading routes answer as doc/api.md says. Method: known records over HTTP, every route,
every parameter, every kind of bad value; pages both ways while records come in."""
import json
import random
import urllib.parse

import pytest

BASE = 1_700_000_000


def at(seconds):
    """A time as the API writes it."""
    import datetime
    t = datetime.datetime.fromtimestamp(BASE + seconds, datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S") + ".000000000Z"


def record(i, **more):
    return {"@timestamp": at(i), "message": f"line {i:05d}", **more}


@pytest.fixture
def filled(server):
    levels = ["INFO", "ERROR", "DEBUG", "INFO"]
    server.send("logs", [record(i, level=levels[i % 4], n=i, tags=["a", f"t{i % 3}"],
                                req={"id": f"r{i % 5}", "ms": i / 2}) for i in range(100)])
    return server


def messages(answer):
    return [hit["message"] for hit in answer["hits"]]


def test_search_newest_first_with_everything_that_was_sent(filled):
    answer = filled.api("logs", "search", limit=3)
    assert messages(answer) == ["line 00099", "line 00098", "line 00097"]
    hit = answer["hits"][0]
    assert hit["time"] == at(99)
    assert hit["id"].isdigit() and int(hit["id"]) >= (BASE + 99) * 10**9
    assert hit["fields"] == {"level": "INFO", "n": 99, "tags": ["a", "t0"],
                             "req": {"id": "r4", "ms": 49.5}}
    assert answer["partial"] is False and answer["partial_why"] == []
    assert answer["took_ms"] >= 0 and answer["prev"] is None and answer["next"]


def test_search_oldest_first_in_a_range(filled):
    answer = filled.api("logs", "search", order="asc", from_=at(10), to=at(13))
    assert messages(answer) == ["line 00010", "line 00011", "line 00012"]
    assert answer["next"] is None and answer["prev"] is None
    ns = (BASE + 10) * 10**9
    for scale in (1, 10**3, 10**6, 10**9):  # epoch by magnitude
        assert messages(filled.api("logs", "search", order="asc", from_=ns // scale, limit=1)) == \
            ["line 00010"]


@pytest.mark.parametrize("query, expected", [
    ("line 00042", 1), ("LEVEL", 0), ("level=ERROR", 25), ("level=ERROR n<10", 3),
    ("@req.id=r1", 20), ("tags=t1", 33), ("level=(INFO,DEBUG)", 75), ("-level=INFO", 50),
    ("/0004[0-4]/", 5), ("n=*", 100), ("nothere=*", 0),
])
def test_count(filled, query, expected):
    assert filled.api("logs", "count", q=query)["count"] == expected
    assert len(filled.api("logs", "search", q=query, limit=1000)["hits"]) == expected


def test_read_as_tells_how_it_was_understood(filled):
    assert filled.api("logs", "count", q="level=ERROR boom")["read_as"] == '@level="ERROR" AND "boom"'


def test_post_takes_the_same_parameters(filled):
    path = "/api/v1/indexes/logs/search"
    form = filled.request("POST", path, "q=level%3DERROR&limit=2",
                          {"Content-Type": "application/x-www-form-urlencoded"})
    as_json = filled.request("POST", path, json.dumps({"q": "level=ERROR", "limit": 2}),
                             {"Content-Type": "application/json"})
    assert form.status == as_json.status == 200
    assert messages(form.json) == messages(as_json.json) == ["line 00097", "line 00093"]
    assert filled.request("POST", "/api/v1/indexes/logs/count", '{"q":"level=ERROR"}') \
        .json["count"] == 25


def test_highlights_count_utf16_units_of_the_text_that_is_sent(server):
    server.send("logs", [{"message": "\U0001f600 é refused and REFUSED"}, b'{"message":"\xff\xfe refused"}'])
    for hit in server.api("logs", "search", q="refused")["hits"]:
        units = hit["message"].encode("utf-16-le")
        marked = [units[2 * s:2 * (s + n)].decode("utf-16-le") for s, n in hit["highlights"]]
        assert [m.lower() for m in marked] == ["refused"] * (2 if "é" in hit["message"] else 1)


def test_highlights_in_fields(server):
    trace = "Traceback:\n  \U0001f600 é in charge\nGatewayTimeout: no answer"
    server.send("logs", [{"message": "giving up", "exc_info": trace, "note": "a Timeout too", "n": 1}])

    def marked(q, **params):
        (hit,) = server.api("logs", "search", q=q, **params)["hits"]
        return {name: [hit["fields"][name].encode("utf-16-le")[2 * s:2 * (s + n)].decode("utf-16-le")
                       for s, n in places] for name, places in hit.get("field_highlights", {}).items()}

    assert marked("timeout") == {"exc_info": ["Timeout"]}
    assert marked("/[A-Z]\\w+Time/ answer") == {"exc_info": ["GatewayTime", "answer"]}
    assert marked("@note:timeout answer -refused") == {"note": ["Timeout"], "exc_info": ["answer"]}
    assert marked("@note~/t.o/") == {"note": ["too"]}
    assert marked("giving") == {} and marked("@n=1") == {} and marked("timeout", fields="note") == {}
    (hit,) = server.api("logs", "search", q="giving")["hits"]
    assert "field_highlights" not in hit


def test_chosen_fields(filled):
    answer = filled.api("logs", "search", limit=1, fields="n,req.id,nothere")
    assert answer["hits"][0]["fields"] == {"n": 99, "req.id": "r4"}
    assert filled.api("logs", "search", limit=1, fields="")["hits"][0]["fields"] == {}


def walk(server, order, limit, **params):
    """All pages by next, then back by prev; returns the forward pages and the backward ones."""
    pages, tokens = [], []
    answer = server.api("logs", "search", order=order, limit=limit, **params)
    while True:
        pages.append(messages(answer))
        tokens.append(answer["prev"])
        if answer["next"] is None:
            break
        answer = server.api("logs", "search", order=order, limit=limit, cursor=answer["next"],
                            **params)
    back = []
    while answer["prev"]:
        answer = server.api("logs", "search", order=order, limit=limit, cursor=answer["prev"],
                            **params)
        back.append(messages(answer))
    return pages, back


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 7, 10, 99, 100, 101])
def test_pages_both_ways_without_gap_or_double(filled, order, limit):
    expected = [f"line {i:05d}" for i in range(100)]
    if order == "desc":
        expected.reverse()
    pages, back = walk(filled, order, limit)
    assert sum(pages, []) == expected
    assert all(len(p) == limit for p in pages[:-1])
    # Backwards each page ends before the one it was asked from; the first may be short.
    assert sum(reversed(back), []) == sum(pages[:-1], [])


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_hold_while_records_come_in_before_and_behind(filled, order):
    """Every record that was there at the start is met once, whatever is inserted meanwhile."""
    rng = random.Random(7)
    seen, more = [], 0
    answer = filled.api("logs", "search", order=order, limit=9)
    while True:
        seen += messages(answer)
        filled.send("logs", [{"@timestamp": at(rng.randrange(100)), "message": f"late {more}"}
                             for more in range(more, more + 3)])
        more += 3
        if answer["next"] is None:
            break
        answer = filled.api("logs", "search", order=order, limit=9, cursor=answer["next"])
    old = [m for m in seen if m.startswith("line")]
    assert old == sorted(old, reverse=order == "desc") and len(old) == 100
    assert len(set(seen)) == len(seen)
    # And back again from the end: nothing of what lies before is missed, with the late ones.
    everything = messages(filled.api("logs", "search", order=order, limit=10000))
    back = []
    while answer["prev"]:
        answer = filled.api("logs", "search", order=order, limit=9, cursor=answer["prev"])
        back = messages(answer) + back
    assert back == everything[:len(back)] and len(back) > 90


def test_cursors_hold_over_restart_and_compaction(filled):
    first = filled.api("logs", "search", limit=30)
    filled.stop()
    filled.start()
    second = filled.api("logs", "search", limit=30, cursor=first["next"])
    assert filled.request("POST", "/api/v1/indexes/logs/compact").status == 204
    third = filled.api("logs", "search", limit=30, cursor=second["next"])
    again = filled.api("logs", "search", limit=30, cursor=third["prev"])
    assert messages(first) + messages(second) + messages(third) == \
        [f"line {i:05d}" for i in range(99, 9, -1)]
    assert messages(again) == messages(second)


def test_a_relative_range_does_not_move_under_the_reader(server):
    server.send("logs", [{"message": f"m{i}"} for i in range(10)])
    first = server.api("logs", "search", from_="-1h", to="now", limit=4, order="asc")
    server.send("logs", [{"message": "after"}])
    second = server.api("logs", "search", cursor=first["next"], limit=100)
    assert messages(first) + messages(second) == [f"m{i}" for i in range(10)]


def test_equal_times_keep_their_order_and_page(server):
    server.send("logs", [{"@timestamp": at(0), "message": f"line {i}"} for i in range(50)])
    pages, back = walk(server, "asc", 7)
    assert sum(pages, []) == [f"line {i}" for i in range(50)]
    assert sum(reversed(back), []) == sum(pages[:-1], [])


def test_several_indexes_are_one_log(server):
    server.create("web")
    server.create("db")
    for i in range(30):
        server.send(["logs", "web", "db"][i % 3], [record(i // 2)])
    answer = server.api("web,logs,db", "search", order="asc", limit=1000)
    assert [h["index"] for h in answer["hits"]].count("web") == 10
    ids = [(int(h["id"]), h["index"]) for h in answer["hits"]]
    assert ids == sorted(ids)
    assert server.api("logs,web,db,web", "count")["count"] == 30
    got, cursor = [], None
    while True:
        extra = {"cursor": cursor} if cursor else {}
        answer = server.api("db,web,logs", "search", order="asc", limit=4, **extra)
        got += [(int(h["id"]), h["index"]) for h in answer["hits"]]
        cursor = answer["next"]
        if not cursor:
            break
    assert got == ids


# ---- Streams

def test_ndjson_streams_everything(filled):
    answer = filled.get("/api/v1/indexes/logs/search", format="ndjson", limit=0, order="asc",
                        q="level=ERROR")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert urllib.parse.unquote(answer.headers["alco-read-as"]) == '@level="ERROR"'
    assert answer.headers["trailer"] == "Alco-Partial"
    hits = [json.loads(line) for line in answer.text.splitlines()]
    assert [h["message"] for h in hits] == [f"line {i:05d}" for i in range(1, 100, 4)]


def test_the_trailer_says_whether_it_is_whole(filled):
    with filled.raw() as s:
        s.sendall(b"GET /api/v1/indexes/logs/search?format=text&limit=0 HTTP/1.1\r\n"
                  b"Host: localhost\r\nConnection: close\r\n\r\n")
        answer = s.makefile("rb").read()
    assert answer.endswith(b"0\r\nAlco-Partial: false\r\n\r\n")


@pytest.mark.parametrize("form", ["ndjson", "csv", "text"])
def test_a_stream_that_breaks_ends_without_its_last_chunk(server, form):
    """Its index is dropped while a slow reader has only some of it: no end, no trailer, no half
    status; what is lacking cannot pass for the whole."""
    server.create("web")
    for _ in range(6):
        server.send("web", [{"message": f"{i} {'x' * 10000}"} for i in range(500)])
    with server.raw() as s:
        s.sendall(f"GET /api/v1/indexes/web/search?format={form}&limit=0 HTTP/1.1\r\n"
                  "Host: localhost\r\n\r\n".encode())
        got = s.recv(4096)
        assert got.startswith(b"HTTP/1.1 200") and b"Trailer: Alco-Partial" in got
        assert server.request("DELETE", "/api/v1/indexes/web").status == 204
        while chunk := s.recv(1 << 20):
            got = got[-100:] + chunk
    assert not got.endswith(b"\r\n0\r\n\r\n") and b"Alco-Partial:" not in got
    assert server.api("logs", "count")["count"] == 0


@pytest.mark.parametrize("form", ["ndjson", "csv", "text"])
def test_a_stream_that_is_not_whole_says_so_in_its_trailer(make_server, form):
    """A page out of time: an end, a good last chunk, and a trailer that tells why."""
    server = make_server("--query-timeout", "1")
    server.send("logs", [{"message": "a" * 2000 + str(i)} for i in range(500)])
    with server.raw() as s:
        s.sendall(f"GET /api/v1/indexes/logs/search?format={form}&limit=100&q=/(a%2B)%2B%5Bb-z%5D/ "
                  "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = s.makefile("rb").read()
    end = answer[answer.rindex(b"0\r\nAlco-Partial: "):]
    assert end.startswith(b"0\r\nAlco-Partial: true; ") and end.endswith(b"\r\n\r\n")
    assert end.count(b"\r\n") == 3


def test_csv_and_text(server):
    import csv
    import io
    server.send("logs", [{"@timestamp": at(0), "message": 'a "b", c\nd', "x": 1, "y": {"z": "q"}}])
    answer = server.get("/api/v1/indexes/logs/search", format="csv", limit=0, fields="x,y.z,no")
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == ["id", "time", "message", "x", "y.z", "no"]
    assert rows[1][1:] == [at(0), 'a "b", c\nd', "1", "q", ""]
    answer = server.get("/api/v1/indexes/logs/search", format="csv")
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert json.loads(rows[1][3]) == {"x": 1, "y": {"z": "q"}}
    text = server.get("/api/v1/indexes/logs/search", format="text", fields="x,no").text
    assert text == f'{at(0)} 1 - a "b", c\nd\n'


def test_a_large_answer_comes_in_slices_whole(server):
    big = "x" * 3000
    server.send("logs", [{"@timestamp": at(i), "message": f"{i} {big}"} for i in range(2000)])
    answer = server.get("/api/v1/indexes/logs/search", limit=2000, order="asc")
    assert len(answer.body) > 6_000_000
    assert [int(h["message"].split()[0]) for h in answer.json["hits"]] == list(range(2000))
    lines = server.get("/api/v1/indexes/logs/search", limit=0, format="ndjson").text.splitlines()
    assert len(lines) == 2000


def test_a_slow_reader_holds_no_worker(server):
    """More readers that do not read than there are workers; a query is still answered."""
    big = "x" * 10000
    for _ in range(4):
        server.send("logs", [{"message": f"{i} {big}"} for i in range(500)])
    readers = []
    for _ in range(12):
        s = server.raw()
        s.sendall(b"GET /api/v1/indexes/logs/search?format=ndjson&limit=0 HTTP/1.1\r\n"
                  b"Host: localhost\r\n\r\n")
        readers.append(s)
    assert server.api("logs", "count")["count"] == 2000
    total = 0
    while chunk := readers[0].recv(1 << 20):  # and the slow one still gets all of it
        total += len(chunk)
        if chunk.endswith(b"Alco-Partial: false\r\n\r\n"):
            break
    assert total > 20_000_000
    for s in readers:
        s.close()


# ---- Aggregates

def test_histogram(filled):
    answer = filled.api("logs", "histogram", interval="10s", by="level")
    assert answer["interval_ms"] == 10000
    assert sum(b["count"] for b in answer["buckets"]) == 100
    for bucket in answer["buckets"]:
        assert sum(bucket["by"].values()) + bucket["other"] == bucket["count"]
    times = [b["time"] for b in answer["buckets"]]
    assert times == sorted(times)
    assert all(t.endswith("0.000000000Z") for t in times)
    plain = filled.api("logs", "histogram", interval="1m", q="level=ERROR")
    assert sum(b["count"] for b in plain["buckets"]) == 25 and "by" not in plain["buckets"][0]


def test_histogram_chooses_at_most_240_buckets(filled):
    for length in (1, 100, 10_000, 86_400, 86_400 * 400):
        answer = filled.api("logs", "histogram", from_=at(0), to=at(length))
        assert length * 1000 / answer["interval_ms"] <= 240
    answer = filled.api("logs", "histogram")
    assert answer["interval_ms"] == 500 or len(answer["buckets"]) <= 240


def test_histogram_without_records(server):
    assert server.api("logs", "histogram")["buckets"] == []


def test_values(filled):
    answer = filled.api("logs", "values", field="level")
    assert answer["values"] == [{"value": "INFO", "count": 50}, {"value": "DEBUG", "count": 25},
                                {"value": "ERROR", "count": 25}]
    assert answer["other"] == 0
    top = filled.api("logs", "values", field="tags", limit=1)
    assert top["values"] == [{"value": "a", "count": 100}] and top["other"] == 100
    numbers = filled.api("logs", "values", field="n", q="n<2")["values"]
    assert numbers == [{"value": 0, "count": 1}, {"value": 1, "count": 1}]
    assert filled.api("logs", "values", field="req.id", limit=2)["other"] == 60


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("same", ["user", "req.id", "tags", "message", "user,req.id", "nothere", "req", ""])
def test_context_of_rows_that_share_a_field_or_its_lack(server, same, compacted):
    """Against a plain filter of what was sent. A null is a value; no record has it by lacking it."""
    lack = object()

    def value(r, path):
        for name in path.split("."):
            r = r.get(name, lack) if isinstance(r, dict) else lack
        return r

    def equal(a, b):  # as `=`: numbers and texts by what they spell, an array also by an element
        if a is lack or b is lack:
            return a is b
        text = [x if isinstance(x, str) else json.dumps(x, separators=(",", ":")) for x in (a, b)]
        return text[0] == text[1] or (isinstance(b, list) and any(equal(a, e) for e in b))

    def shares(row, other):
        return all(equal(value(row, p), value(other, p)) for p in same.split(",") if p)

    rng = random.Random(3)
    sent = []
    for i in range(120):
        r = record(i)
        r["message"] = f"m{i % 4}"
        for name, values in {"user": ["ann", "bob", None, ""], "tags": [["a", "b"], ["b"], [], "b"],
                             "req": [{"id": 1}, {"id": "1"}, {"other": 1}, {}]}.items():
            if rng.random() < 0.6:
                r[name] = rng.choice(values)
        sent.append(r)
    server.send("logs", sent)
    if compacted:
        assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
    hits = server.api("logs", "search", limit=1000, order="asc")["hits"]
    place = {h["id"]: i for i, h in enumerate(hits)}
    for i in range(0, 120, 7):
        found = server.api("logs", "context", id=hits[i]["id"], same=same, before=200, after=200)
        assert [place[h["id"]] for h in found["before"]] == \
            [k for k in range(i) if shares(sent[i], sent[k])], sent[i]
        assert [place[h["id"]] for h in found["after"]] == \
            [k for k in range(i + 1, 120) if shares(sent[i], sent[k])], sent[i]


def test_context(filled):
    hit = filled.api("logs", "search", q="line 00050")["hits"][0]
    answer = filled.api("logs", "context", id=hit["id"], before=3, after=2)
    assert [h["message"] for h in answer["before"]] == [f"line {i:05d}" for i in (47, 48, 49)]
    assert answer["hit"]["message"] == "line 00050"
    assert [h["message"] for h in answer["after"]] == ["line 00051", "line 00052"]
    same = filled.api("logs", "context", id=hit["id"], before=2, after=2, same="req.id,level")
    around = same["before"] + same["after"]
    assert {h["fields"]["req"]["id"] for h in around} == {"r0"}
    assert {h["fields"]["level"] for h in around} == {"DEBUG"}
    filled.create("other")
    both = filled.api("logs,other", "context", id=hit["id"], of="logs", before=1, after=0)
    assert both["before"][0]["index"] == "logs" and both["after"] == []


# ---- What is wrong is named

@pytest.mark.parametrize("what, params, word", [
    ("search", {"limit": "0"}, "from 1 to 10000; 0, which is all, only with format ndjson, csv or text"),
    ("search", {"limit": "10001"}, "limit '10001': expected a number from 1 to 10000"),
    ("search", {"limit": "x"}, "'x'"), ("search", {"order": "up"}, "'up'"),
    ("search", {"format": "xml"}, "'xml'"), ("search", {"cursor": "zzz"}, "zzz"),
    ("search", {"from": "yesterday"}, "yesterday"), ("search", {"to": "-5y"}, "-5y"),
    ("search", {"q": "@level=(a,"}, "column"), ("search", {"unknown": "1"}, "unknown"),
    ("count", {"limit": "1"}, "limit"), ("values", {}, "field"),
    ("values", {"field": "a", "limit": "0"}, "limit"),
    ("histogram", {"interval": "5"}, "'5'"), ("histogram", {"interval": "0s"}, "0s"),
    ("histogram", {"interval": "1ms"}, "buckets"),
    ("context", {}, "id"), ("context", {"id": "abc"}, "id"),
    ("context", {"id": "1", "before": "1001"}, "1001"), ("context", {"id": "1", "of": "no"}, "no"),
    ("search", {"fields": ",".join(map(str, range(1001)))}, "fields"),
    ("tail", {"q": "/(/"}, "column"), ("tail", {"limit": "5"}, "limit"),
])
def test_bad_values_are_400_and_named(filled, what, params, word):
    answer = filled.get(f"/api/v1/indexes/logs/{what}", **params)
    assert answer.status == 400, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == 400 and word in problem["detail"], problem


@pytest.mark.parametrize("query, word", [
    ("%zz", "%zz"), ("q=%4", "%4"), ("q=a&q=b", "twice"), ("q=%00", None), ("&&q=a&", None),
])
def test_odd_query_strings(filled, query, word):
    answer = filled.request("GET", f"/api/v1/indexes/logs/count?{query}")
    assert answer.status == (400 if word else 200)
    if word:
        assert word in answer.json["detail"]


def test_the_order_of_a_cursor_is_its_own(filled):
    token = filled.api("logs", "search", limit=1, order="asc")["next"]
    assert filled.get("/api/v1/indexes/logs/search", cursor=token, order="desc").status == 400
    assert filled.get("/api/v1/indexes/logs/search", cursor=token[:-1]).status == 400


def test_a_cursor_is_of_the_indexes_it_was_made_for(filled):
    filled.create("web")
    filled.send("web", [{"message": f"row {i}"} for i in range(3)])
    token = filled.api("logs", "search", limit=1)["next"]
    both = filled.api("logs,web", "search", limit=1)["next"]
    for indexes, cursor in (("web", token), ("logs,web", token), ("logs", both)):
        answer = filled.get(f"/api/v1/indexes/{indexes}/search", cursor=cursor)
        assert answer.status == 400 and cursor in answer.json["detail"]
    assert filled.get("/api/v1/indexes/web,logs/search", cursor=both).status == 200


def test_lists_of_names_may_be_json_lists(server):
    server.send("logs", [{"message": "m", "a": 1, "b": 2, "c": 3}])

    def search(fields):
        return server.request("POST", "/api/v1/indexes/logs/search", json.dumps({"fields": fields}))
    assert search(["a", "c"]).json["hits"][0]["fields"] == {"a": 1, "c": 3}
    assert search("a,c").json["hits"] == search(["a", "c"]).json["hits"]
    assert search([]).json["hits"][0]["fields"] == {}
    for bad in ([1], ["a,b"], {}, [["a"]]):
        assert search(bad).status == 400 and "fields" in search(bad).json["detail"]
    assert server.request("POST", "/api/v1/indexes/logs/search", '{"q":["a"]}').status == 400


def test_an_object_is_known_by_what_stands_in_it(server):
    server.send("logs", [{"message": "m", "o": {"p": {"k": 1}}}])
    for q in ("o=*", "o.p=*", "o.p.k=1"):
        answer = server.api("logs", "count", q=q)
        assert answer["count"] == 1 and answer["read_as"].startswith("@o")
    assert server.api("logs", "count", q="o.q=*")["read_as"] == '"o.q=*"'


def test_from_the_epoch(filled):
    everything = filled.api("logs", "count")["count"]
    assert filled.api("logs", "count", **{"from": "0"})["count"] == everything > 0
    assert filled.api("logs", "count", to="5")["count"] == 0


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/api/v1/indexes/nothere/search", 404), ("GET", "/api/v1/indexes/logs,nothere/count", 404),
    ("GET", "/api/v1/indexes/%00/count", 404), ("GET", "/nothing", 404), ("GET", "/api/v1", 404),
    ("POST", "/api/v1/indexes/nothere/logs", 404), ("DELETE", "/api/v1/indexes/nothere", 404),
    ("PUT", "/api/v1/indexes", 405), ("POST", "/api/v1/indexes/logs/tail", 405),
    ("DELETE", "/health", 405), ("GET", "/api/v1/indexes/logs/logs", 405),
    ("GET", "/api/v1/indexes/logs/context?id=5", 404),
])
def test_what_is_not_there(filled, method, path, status):
    answer = filled.request(method, path)
    assert answer.status == status, answer
    assert answer.json["status"] == status and answer.json["detail"]
    if status == 405:
        assert answer.headers["allow"]


def test_long_heads_are_taken_up_to_64_kib(filled):
    query = "x" * 60_000
    assert filled.api("logs", "count", q=query)["count"] == 0
    assert filled.request("GET", "/health", headers={"X-Long": "y" * 60_000}).status == 200
    many = {f"X-{i}": "y" * 50 for i in range(1000)}
    assert filled.request("GET", "/health", headers=many).status == 200
    with filled.raw() as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"z" * 165_000 + b"\r\n\r\n")
        assert s.recv(100).split()[1] in (b"431", b"413")


def test_head_answers_without_a_body(filled):
    answer = filled.request("HEAD", "/api/v1/indexes/logs/count")
    assert answer.status == 200 and answer.body == b""


def test_connections_are_kept(filled):
    connection = filled.connect()
    sockets = set()
    for _ in range(5):
        connection.request("GET", "/api/v1/indexes/logs/count")
        response = connection.getresponse()
        response.read()
        sockets.add(connection.sock.getsockname() if connection.sock else None)
    assert len(sockets) == 1 and None not in sockets
    connection.close()


def test_a_query_ends_when_its_client_leaves(server):
    """The client goes while its query runs or waits, also while the connection is suspended."""
    from conftest import wait_for
    for k in range(5):
        server.send("logs", [{"message": f"{k} {i} " + "ab" * 200} for i in range(10000)])
    path = urllib.parse.quote("/(a+b?)+(a|b)*[^ab]x$/")

    def leave():
        for _ in range(6):
            with server.raw() as s:
                s.sendall(f"GET /api/v1/indexes/logs/count?q={path} HTTP/1.1\r\n"
                          "Host: localhost\r\n\r\n".encode())
        return server.metric("alco_queries_cancelled_total") >= 3
    wait_for(leave, "queries are cancelled")
    assert server.api("logs", "count")["count"] == 50000
