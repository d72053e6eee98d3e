"""Goal: old ALCO's addresses answer as they did, field by field, with what was wrong in them mended
(doc/migration.md). Method: each behaviour as a small case against a server in a zone that is not UTC;
links are followed as a script of the old API would follow them."""
import base64
import datetime
import json
import re
import urllib.parse

import pytest

ZONE = "Europe/Moscow"  # UTC+3 in May 2016
T0 = 1464000800  # 2016-05-23T10:53:20Z, 13:53:20 in Moscow


@pytest.fixture
def moscow(make_server, monkeypatch):
    monkeypatch.setenv("TZ", ZONE)
    return make_server()


def grep(server, index="logs", **params):
    """GET that must answer 200; its JSON."""
    return server.ok(f"/api/grep/{index}/", **params)


def lines(server, index="logs", **params):
    return [r["logline"] for r in grep(server, index, **params)["results"]]


def follow(server, link):
    u = urllib.parse.urlparse(link)
    assert (u.scheme, u.netloc) == ("http", f"{server.host}:{server.port}")
    return server.ok(f"{u.path}?{u.query}")


def token(text):
    return base64.b64encode(text.encode()).decode()


def stamp(second, micro=0):
    at = datetime.datetime.fromtimestamp(T0 + second, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{micro:06d}Z" if micro else "Z")


def send_numbered(server, n, index="logs", **fields):
    server.send(index, [{"@timestamp": stamp(i), "message": f"line {i}", "n": i, **fields} for i in range(n)])


# ---- /api/grep/: the answer

def test_one_row_field_by_field(moscow):
    moscow.send("logs", [{
        "@timestamp": "2016-05-23T10:53:20.123456Z", "@version": 1, "seq": 5, "message": "all is well",
        "host": "h1", "process": 7, "ratio": 1.50, "ok": True, "no": False, "tags": ["a", "b c"],
        "extra": {"x": {"y": None}}, "nothing": None, "empty": "", "id": 4, "ünï": "ж"}])
    answer = grep(moscow)
    assert list(answer) == ["next", "previous", "results"]
    assert answer["next"] is None and answer["previous"] is None
    (row,) = answer["results"]
    assert list(row) == ["id", "id_str", "datetime", "logline", "logline_snippet", "js"]
    assert row["id"] == T0 * 10**9 + 123456000 and isinstance(row["id"], int)
    assert row["id_str"] == str(row["id"])
    assert row["datetime"] == "2016-05-23T13:53:20.123456"  # the server's zone, none written
    assert row["logline"] == row["logline_snippet"] == "all is well"
    assert row["js"] == {"host": "h1", "process": 7, "ratio": 1.5, "ok": True, "no": False,
                         "tags": '["a","b c"]', "extra": '{"x":{"y":null}}', "nothing": "null",
                         "empty": "", "id_x": 4, "ünï": "ж"}
    assert row["js"]["ok"] is True


def test_microseconds_are_exact_and_left_out_when_none(moscow):
    moscow.send("logs", [{"@timestamp": stamp(0), "message": "a"}, {"@timestamp": stamp(0, 1), "message": "b"},
                         {"@timestamp": "2016-05-23T10:53:20.999999999Z", "message": "c"}])
    assert [r["datetime"] for r in grep(moscow)["results"]] == [
        "2016-05-23T13:53:20", "2016-05-23T13:53:20.000001", "2016-05-23T13:53:20.999999"]


def test_what_the_collector_took_out_is_not_in_js(moscow):
    moscow.send("logs", [{"@timestamp": "when?", "@version": "1", "message": ["no", "text"], "seq": "s", "f": 1}])
    (row,) = grep(moscow)["results"]
    assert row["js"] == {"seq_x": "s", "f": 1} and row["logline"] == '["no","text"]'


def test_rows_are_ascending_a_hundred_a_page(moscow):
    send_numbered(moscow, 230)
    first = grep(moscow)
    assert [r["logline"] for r in first["results"]] == [f"line {i}" for i in range(100)]
    ids = [r["id"] for r in first["results"]]
    assert ids == sorted(ids) and first["previous"] is None
    assert lines(moscow, page_size=5) == lines(moscow)  # it was not for clients to set


def test_page_size_is_the_servers(make_server):
    server = make_server("--page-size", "7")
    send_numbered(server, 10)
    assert len(grep(server)["results"]) == 7


@pytest.mark.parametrize("params", [{}, {"format": "json"}, {"format": "api"}, {"format": "xml"}])
def test_json_whatever_is_asked_for(moscow, params):
    answer = moscow.request("GET", "/api/grep/logs/", headers={"Accept": "text/html"}, params=params)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert answer.json == {"next": None, "previous": None, "results": []}


def test_any_tail_is_accepted(moscow):
    send_numbered(moscow, 1)
    for tail in ("", "x", "x/y/z", "%2F/"):
        assert len(moscow.ok("/api/grep/logs/" + tail)["results"]) == 1
    answer = moscow.get("/api/grep/logs?search=a%20b")
    assert answer.status == 301 and answer.headers["location"] == "/api/grep/logs/?search=a%20b"


@pytest.mark.parametrize("index", ["nothere", "logs,logs", "LOGS", "%00", "logs%00", "..", "ä", "x" * 300])
def test_an_unknown_index_is_404(moscow, index):
    answer = moscow.get(f"/api/grep/{urllib.parse.quote(index, safe='%,')}/")
    assert answer.status == 404 and answer.json["detail"]


def test_only_get(moscow):
    answer = moscow.request("POST", "/api/grep/logs/", "search=x")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"
    head = moscow.request("HEAD", "/api/grep/logs/")
    assert head.status == 200 and head.body == b""


# ---- Links

def test_links_lead_forth_and_back(moscow):
    send_numbered(moscow, 250)
    page, pages = grep(moscow), []
    while True:
        pages.append([r["logline"] for r in page["results"]])
        if page["next"] is None:
            break
        page = follow(moscow, page["next"])
    assert [len(p) for p in pages] == [100, 100, 50]
    assert sum(pages, []) == [f"line {i}" for i in range(250)]
    back = []
    while page["previous"]:
        page = follow(moscow, page["previous"])
        back.append([r["logline"] for r in page["results"]])
    assert back == [pages[1], pages[0]]  # still ascending
    assert follow(moscow, page["next"])["results"][0]["logline"] == "line 100"


def test_links_are_absolute_with_sorted_arguments(moscow):
    send_numbered(moscow, 101, host="a b&c")
    answer = grep(moscow, start_ts="2016-05-23 13:53:20", host="a b&c", zz="1", aa="", search="line")
    last = answer["results"][-1]["id"]
    base, _, query = answer["next"].partition("?")
    assert base == f"{moscow.url}/api/grep/logs/"
    assert [part.partition("=")[0] for part in query.split("&")] == ["aa", "cursor", "host", "search",
                                                                    "start_ts", "zz"]
    given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    assert given == {"aa": "", "cursor": token(f"p={last}"), "host": "a b&c", "search": "line",
                     "start_ts": "2016-05-23 13:53:20", "zz": "1"}
    answer = follow(moscow, answer["next"])
    assert [r["logline"] for r in answer["results"]] == ["line 100"] and answer["next"] is None
    previous = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(answer["previous"]).query))
    assert base64.b64decode(previous["cursor"]).decode() == f"r=1&p={answer['results'][0]['id']}"


def test_links_name_the_host_that_was_asked(make_server):
    server = make_server("--hosts", "logs.example.com")
    send_numbered(server, 101)
    answer = server.request("GET", "/api/grep/logs/any?x=1", headers={"Host": "logs.example.com:81"})
    assert answer.json["next"].startswith("http://logs.example.com:81/api/grep/logs/any?cursor=")


def test_cursors_are_strict_and_offsets_pass_over(moscow):
    send_numbered(moscow, 20)
    rows = grep(moscow)["results"]
    ids = [r["id"] for r in rows]
    assert lines(moscow, cursor=token(f"p={ids[4]}"))[0] == "line 5"
    assert lines(moscow, cursor=token(f"r=1&p={ids[4]}")) == [f"line {i}" for i in range(4)]
    assert lines(moscow, cursor=token(f"o=3&p={ids[4]}"))[0] == "line 8"
    assert lines(moscow, cursor=token(f"o=3&r=1&p={ids[9]}")) == [f"line {i}" for i in range(6)]
    assert lines(moscow, cursor=token("o=18")) == ["line 18", "line 19"]
    assert lines(moscow, cursor=token("r=1")) == [f"line {i}" for i in range(20)]
    assert lines(moscow, cursor="") == [r["logline"] for r in rows]
    assert lines(moscow, cursor=token(f"p={ids[-1]}")) == []
    end = grep(moscow, cursor=token(f"p={ids[-1]}"))
    assert end["next"] is None
    assert [r["id"] for r in follow(moscow, end["previous"])["results"]] == ids
    begin = grep(moscow, cursor=token(f"r=1&p={ids[0]}"))
    assert begin["results"] == [] and begin["previous"] is None
    assert [r["id"] for r in follow(moscow, begin["next"])["results"]] == ids


def test_an_offset_is_a_thousand_at_most(moscow):
    send_numbered(moscow, 1005)
    assert lines(moscow, cursor=token("o=999999")) == [f"line {i}" for i in range(1000, 1005)]


@pytest.mark.parametrize("cursor", [
    "x", "cD0", "====", "!!!!", "cD01 ", "äöü", "\0", "A" * 5000, token("p=x"), token("p="), token("p=-1"),
    token("p=1.5"), token(f"p={2**64}"), token("o=-1"), token("r=x"), token("p=\u0661"), token("p=5")[:-1]])
def test_an_invalid_cursor_is_404(moscow, cursor):
    answer = moscow.get("/api/grep/logs/", cursor=cursor)
    assert answer.status == 404 and answer.json == {"detail": "Invalid cursor"}
    assert answer.headers["content-type"] == "application/json"


# ---- Times

@pytest.mark.parametrize("text", [
    "2016-05-23 13:53:20", "2016-05-23 13:53:20.000000", "2016-05-23 13:53", "2016-05-23", "05/23/2016",
    "5/23/2016 13:53:20", "05/23/2016 13:53:20.0", "05/23/16 13:53", "5/23/16", "2016-05-23T13:53:20",
    "2016-05-23T10:53:20Z", "2016-05-23T12:53:20+02:00", " 2016-05-23  13:53:20 "])
def test_start_ts_in_every_format_of_django(moscow, text):
    moscow.send("logs", [{"@timestamp": stamp(-86400), "message": "before"},
                         {"@timestamp": stamp(0), "message": "at"}, {"@timestamp": stamp(5), "message": "after"}])
    assert lines(moscow, start_ts=text) == ["at", "after"]


def test_a_range_has_both_its_ends_to_the_microsecond(moscow):
    moscow.send("logs", [{"@timestamp": stamp(0, us), "message": str(us)} for us in (1, 2, 3, 4)])
    moscow.send("logs", [{"@timestamp": "2016-05-23T10:53:20.000003999Z", "message": "in the third"}])
    at = "2016-05-23 13:53:20.00000"
    assert lines(moscow, start_ts=at + "3") == ["3", "in the third", "4"]
    assert lines(moscow, end_ts=at + "3") == ["1", "2", "3", "in the third"]
    assert lines(moscow, start_ts=at + "2", end_ts=at + "3") == ["2", "3", "in the third"]
    assert lines(moscow, start_ts=at + "3", end_ts=at + "2") == []
    assert lines(moscow, start_ts="", end_ts="") == ["1", "2", "3", "in the third", "4"]
    for row in grep(moscow)["results"]:  # what was given out can be asked for
        assert row in grep(moscow, start_ts=row["datetime"], end_ts=row["datetime"])["results"]


def test_a_date_may_be_one_that_no_record_has(moscow):
    moscow.send("logs", [{"@timestamp": stamp(0), "message": "one"}])
    for before in ("1970-01-01", "1960-01-01 10:00"):  # Moscow's 1970 began in 1969
        assert lines(moscow, start_ts=before) == ["one"] and lines(moscow, end_ts=before) == []
    for behind in ("2300-01-01", "12/31/9999"):
        assert lines(moscow, start_ts=behind) == [] and lines(moscow, end_ts=behind) == ["one"]


@pytest.mark.parametrize("name", ["start_ts", "end_ts"])
@pytest.mark.parametrize("text", ["yesterday", "2016-13-01", "2016-05-32", "2016-05-23 25:00", "1464000800",
                                  "2016-05-23 13:53:60", "9999999-01-01", "2016-05-23x", "\0", "0" * 5000])
def test_a_bad_date_is_400(moscow, name, text):
    answer = moscow.get("/api/grep/logs/", **{name: text})
    assert answer.status == 400 and name in answer.json["detail"] and "expected" in answer.json["detail"]


# ---- Search and filters

@pytest.mark.parametrize("search, found", [
    ("refused", ["Connection refused", "connection: [refused]", "CONNECTION, REFUSED"]),
    ("connection refused", ["Connection refused", "connection: [refused]", "CONNECTION, REFUSED"]),
    ("connection,refused", ["Connection refused", "connection: [refused]", "CONNECTION, REFUSED"]),
    (" connection , refused ,", ["Connection refused", "connection: [refused]", "CONNECTION, REFUSED"]),
    ("refused connection", []), ("onnection ref", ["Connection refused", "connection: [refused]",
                                                   "CONNECTION, REFUSED"]),
    ("[refused]", ["connection: [refused]"]), ("a.b", ["a.b*c|d"]), ("a b c d", ["a.b*c|d"]), ("aXb", []),
    ("a.*d", []), ("привет", ["ПРИВЕТ, мир"]), ("привет мир", ["ПРИВЕТ, мир"]), ("AND", []), ("@f=1", []),
    ("only here", []),  # in a field
])
def test_search_is_a_substring_of_the_message(moscow, search, found):
    texts = ["Connection refused", "connection: [refused]", "CONNECTION, REFUSED", "a.b*c|d", "ПРИВЕТ, мир"]
    moscow.send("logs", [{"@timestamp": stamp(i), "message": text, "f": 1, "exc_info": "only here"}
                         for i, text in enumerate(texts)])
    assert lines(moscow, search=search) == found


@pytest.mark.parametrize("search", ["", " ", ",", " , \t"])
def test_no_word_is_no_search(moscow, search):
    send_numbered(moscow, 3)
    assert len(lines(moscow, search=search)) == 3


def test_snippets_are_html_with_the_hits_marked(moscow):
    moscow.send("logs", [{"@timestamp": stamp(0), "message": "<b>Hit</b> & hit <script>alert('\"')</script>"}])
    (row,) = grep(moscow, search="HIT")["results"]
    assert row["logline"] == "<b>Hit</b> & hit <script>alert('\"')</script>"
    assert row["logline_snippet"] == ("&lt;b&gt;<b>Hit</b>&lt;/b&gt; &amp; <b>hit</b> "
                                      "&lt;script&gt;alert(&#39;&quot;&#39;)&lt;/script&gt;")
    (row,) = grep(moscow, search="script alert")["results"]
    assert "&lt;<b>script&gt;alert</b>(" in row["logline_snippet"]  # what was found, not each word
    (row,) = grep(moscow)["results"]
    assert "<" not in row["logline_snippet"]
    (row,) = grep(moscow, search="<b>hit")["results"]
    assert row["logline_snippet"].startswith("<b>&lt;b&gt;Hit</b>&lt;/b&gt;")


def test_the_snippet_of_a_long_line_is_whole_with_its_first_thousand_hits(moscow):
    text = "<x>" + "hit, " * 1500 + "y" * 200_000 + " end"
    moscow.send("logs", [{"@timestamp": stamp(0), "message": text}])
    (row,) = grep(moscow, search="hit")["results"]
    snippet = row["logline_snippet"]
    assert row["logline"] == text and snippet.count("<b>hit</b>") == 1000 == snippet.count("<b>")
    assert snippet.replace("<b>", "").replace("</b>", "").replace("&lt;", "<").replace("&gt;", ">") == text
    (row,) = grep(moscow, search="y end")["results"]
    assert row["logline_snippet"].endswith("y<b>y end</b>")  # far behind


def test_fields_are_filters(moscow):
    records = [{"host": "a", "n": 1}, {"host": "a,b", "n": 2}, {"host": "b", "n": "1"}, {"host": ["a", "c"], "n": 1.5},
               {"n": 3}, {"host": "", "n": -4}]
    moscow.send("logs", [{"@timestamp": stamp(i), "message": str(i), **r} for i, r in enumerate(records)])
    assert lines(moscow, host="a") == ["0", "3"]
    assert lines(moscow, host__in="a,b") == ["0", "2", "3"]
    assert lines(moscow, host="a,b") == ["0", "2", "3"]  # the old API split it, too
    assert lines(moscow, n="1") == ["0", "2"]  # as a number and as a text
    assert lines(moscow, n__in="1,2,1.5") == ["0", "1", "2", "3"]
    assert lines(moscow, n="-4") == ["5"]
    assert lines(moscow, host__in="a,b", n="1") == ["0", "2"]  # different fields: and
    assert lines(moscow, host="b", host__in="a") == ["0", "3"]  # __in goes before
    assert lines(moscow, host="A") == []
    assert lines(moscow, host="") == ["5"]
    assert lines(moscow, host="a", search="0") == ["0"]


def test_only_displayed_fields_filter(moscow):
    moscow.send("logs", [{"@timestamp": stamp(i), "message": str(i), "host": h, "columns": h, "format": h, "x__in": h}
                         for i, h in enumerate("ab")])
    assert lines(moscow, nosuch="x", context="y", page="0", q="zzz", limit="-1") == ["0", "1"]
    assert lines(moscow, columns="a") == ["0"]  # a field has that name
    assert lines(moscow, format="a") == ["0", "1"]  # the framework's
    assert lines(moscow, format__in="a") == ["0"]
    assert lines(moscow, x__in="a") == ["0"] and lines(moscow, x__in__in="b") == ["1"]
    assert lines(moscow, host="a") == ["0"]
    moscow.request("PATCH", "/api/v1/indexes/logs/fields/host", '{"display":false}')
    assert lines(moscow, host="a") == ["0", "1"] == lines(moscow, host__in="a")


def test_nested_fields_filter_by_path(moscow):
    moscow.send("logs", [{"@timestamp": stamp(i), "message": str(i), "a": {"b": i}} for i in range(2)])
    assert lines(moscow, **{"a.b": "1"}) == ["1"]


def test_one_row_by_its_id(moscow):
    send_numbered(moscow, 5, host="a")
    row = grep(moscow)["results"][2]
    answer = grep(moscow, id=row["id_str"])
    assert answer == {"next": None, "previous": None, "results": [row]}
    marked = {**row, "logline_snippet": "<b>line 2</b>"}
    assert grep(moscow, id=row["id_str"], search="line 2", host="a", start_ts=row["datetime"])["results"] == [marked]
    for other in ({"search": "line 3"}, {"host": "b"}, {"n": "1"}, {"start_ts": "2017-01-01"},
                  {"end_ts": "2015-01-01"}, {"cursor": token(f"p={row['id']}")}):
        assert grep(moscow, id=row["id_str"], **other)["results"] == []
    assert lines(moscow, id=str(row["id"] + 1)) == lines(moscow, id="0") == []
    assert len(lines(moscow, id="")) == 5


@pytest.mark.parametrize("params, name", [
    ({"id": "x"}, "id"), ({"id": "-1"}, "id"), ({"id": "1.0"}, "id"), ({"id": str(2**64)}, "id"),
    ({"id": "9" * 4000}, "id"), ({"page": "x"}, "page"), ({"page": "1.5"}, "page"), ({"page": "9" * 40}, "page")])
def test_a_bad_number_is_400(moscow, params, name):
    answer = moscow.get("/api/grep/logs/", **params)
    assert answer.status == 400 and name in answer.json["detail"]


def test_page_says_nothing_of_which_rows(moscow):
    send_numbered(moscow, 150)
    assert lines(moscow, page="7") == lines(moscow, page="0") == lines(moscow, page="") == lines(moscow)


# ---- Hostile requests

def test_the_last_of_equal_names_counts(moscow):
    send_numbered(moscow, 3)
    query = "search=nothing&n=7&search=line&n=1"
    assert [r["logline"] for r in moscow.ok("/api/grep/logs/?" + query)["results"]] == ["line 1"]


@pytest.mark.parametrize("query", [
    "search=%ff%fe", "search=%zz", "search=%", "%ff=%ff", "n__in=%ff,1", "search=%00", "n=%00", "=", "&&&=&", "search",
    "search=" + "%28" * 2000, "search=(?R)*%2B%5B&x=1", "search=" + "a%20" * 5000, "n__in=" + "1," * 10000,
    "search=%5CQ%5CE%5CC", "start_ts=&end_ts=&id=&page=&cursor=", "search=%F0%9F%98%80", "n=" + "1" * 20000])
def test_nothing_is_500(moscow, query):
    send_numbered(moscow, 3)
    answer = moscow.get("/api/grep/logs/?" + query)
    assert answer.status in (200, 400), answer
    answer.json
    if answer.status == 200 and answer.json["next"]:
        follow(moscow, answer.json["next"])
    assert moscow.ok("/ready") == {"status": "ready"}


def test_links_have_room_for_their_cursor(moscow):
    send_numbered(moscow, 101)
    assert moscow.get("/api/grep/logs/?" + "&".join(f"p{i}" for i in range(64))).status == 400
    most = "&".join(f"p{i}" for i in range(63))
    page = follow(moscow, moscow.ok("/api/grep/logs/?" + most)["next"])
    assert page["results"][0]["logline"] == "line 100" and page["previous"]
    assert len(follow(moscow, page["previous"])["results"]) == 100


def test_too_many_parameters_are_400(moscow):
    answer = moscow.get("/api/grep/logs/?" + "&".join(f"p{i}=1" for i in range(100)))
    assert answer.status == 400 and "64" in answer.json["detail"]


def test_bytes_that_are_no_text(moscow):
    moscow.send("logs", [b'{"@timestamp":"2016-05-23T10:53:20Z","message":"caf\xe9 \xff","f":"\xff","l":["\xff"]}'])
    (row,) = grep(moscow, search="caf")["results"]
    assert row["logline"] == "caf\ufffd \ufffd" and row["logline_snippet"] == "<b>caf</b>\ufffd \ufffd"
    assert row["js"] == {"f": "\ufffd", "l": '["\ufffd"]'}


def test_long_rows_make_a_page_shorter_and_lose_nothing(make_server):
    server = make_server()
    size, n = 1_000_000, 40
    for i in range(n):
        server.send("logs", [{"@timestamp": stamp(i), "message": f"{i} " + "x" * size}])
    page, seen, pages = grep(server), [], 0
    while True:
        seen += [int(r["logline"].split()[0]) for r in page["results"]]
        pages += 1
        if not page["next"]:
            break
        page = follow(server, page["next"])
    assert seen == list(range(n)) and pages > 1


def test_records_of_one_instant_are_all_there(moscow):
    moscow.send("logs", [{"@timestamp": stamp(0), "seq": 300 - i, "message": str(300 - i)} for i in range(300)])
    page, seen = grep(moscow), []
    while True:
        seen += [r["logline"] for r in page["results"]]
        if not page["next"]:
            break
        page = follow(moscow, page["next"])
    assert seen == [str(i) for i in range(1, 301)]  # in the order of seq


# ---- /api/collector/indices/

def test_indices_field_by_field(moscow):
    moscow.create("web", intervals=3, queue_name="q", routing_key=["a.#", "b"], durable=True, num_processes=2)
    answer = moscow.get("/api/collector/indices/?format=json")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    logs, web = answer.json
    assert list(web) == ["id", "index_names", "name", "intervals", "queue_name", "routing_key", "durable",
                         "num_processes"]
    today = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=3))).date()
    days = [(today + datetime.timedelta(days=i)).strftime("%Y%m%d") for i in range(-2, 2)]
    assert {**web, "id": 0} == {"id": 0, "index_names": days, "name": "web", "intervals": 3, "queue_name": "q",
                                "routing_key": "a.#,b", "durable": True, "num_processes": 2}
    assert len(logs["index_names"]) == 31 and logs["name"] == "logs" and logs["durable"] is False
    assert isinstance(web["id"], int) and web["id"] != logs["id"]
    moscow.stop()
    moscow.start()
    assert [i["id"] for i in moscow.ok("/api/collector/indices/")] == [logs["id"], web["id"]]
    assert moscow.get("/api/collector/indices").headers["location"] == "/api/collector/indices/"


# ---- /collector/sphinx.conf

def section(text, name):
    """name -> value of a section's lines."""
    body = re.search(rf"^{name}\n{{\n(.*?)^}}", text, re.S | re.M).group(1)
    return dict(line.strip().split(" = ", 1) for line in body.splitlines())


def test_sphinx_conf_has_a_searchd_section(moscow):
    for path in ("/collector/sphinx.conf", "/collector/sphinx.conf/", "/collector/sphinx.conf.old?x=1"):
        answer = moscow.get(path)
        assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain")
        searchd = section(answer.text, "searchd")
        assert searchd["listen"] == "127.0.0.1:9306:mysql41" and searchd["dist_threads"] == "4"
        assert not re.search(r"^index\b", answer.text, re.M)  # no index is of engine sphinx
    assert section(moscow.get("/collector/sphinx.conf", node="h:1").text, "searchd")["listen"] == "h:1:mysql41"


def test_sphinx_conf_is_that_of_the_node(make_server, tmp_path):
    config = tmp_path / "alco.yaml"
    config.write_text('sphinx:\n  shards: [["10.0.0.1:9306"], ["b:1", "b:2"]]\n  data_dir: /d\n'
                      "  searchd: {dist_threads: 9}\n")
    server = make_server("--config", str(config))
    first = section(server.get("/collector/sphinx.conf").text, "searchd")
    assert first["listen"] == "10.0.0.1:9306:mysql41" and first["dist_threads"] == "9"
    other = section(server.get("/collector/sphinx.conf", node="b:2").text, "searchd")
    assert other["listen"] == "b:2:mysql41" and other["pid_file"] == "/d/b-2/searchd.pid"
    for bad in ("b:3", "b", "b:2\nx", "%00"):
        answer = server.get("/collector/sphinx.conf", node=bad)
        assert answer.status == 400 and "sphinx.shards" in answer.json["detail"]


# ---- Pages

def is_page(answer):
    return answer.status == 200 and answer.headers["content-type"].startswith("text/html")


def test_pages(server):
    for path in ("/grep/", "/grep", "/admin/", "/admin", "/grep/logs/?start_ts=2016-05-23",
                 "/grep/logs/?from=", "/grep/logs/?from=-1h&search=x"):
        assert is_page(server.get(path)), path
    for path in ("/grep/nothere/", "/grep/nothere/?start_ts=2016-05-23", "/grep/logs,nothere/?from="):
        answer = server.get(path)  # the page says so
        assert answer.status == 404 and answer.headers["content-type"].startswith("text/html"), path
    assert server.get("/grep/logs?a=b").headers["location"] == "/grep/logs/?a=b"


@pytest.mark.parametrize("query", ["", "?start_ts=", "?search=a%20b&host=x&host=y&columns=a,b", "?context=y&%ff=%"])
def test_a_log_without_a_time_is_that_of_the_last_five_minutes(moscow, query):
    before = datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(hours=3, minutes=-5)
    answer = moscow.get("/grep/logs/" + query)
    after = datetime.datetime.utcnow() + datetime.timedelta(hours=3, minutes=-5)
    assert answer.status == 302
    path, _, got = answer.headers["location"].partition("?")
    assert path == "/grep/logs/" and "+" not in got
    given = {k: v for k, v in urllib.parse.parse_qsl(query[1:], keep_blank_values=True, errors="replace")
             if k != "start_ts"}
    got = urllib.parse.parse_qsl(got, keep_blank_values=True)
    assert got[-1][0] == "start_ts" and dict(got[:-1]) == given and len(got) == len(given) + 1
    start = datetime.datetime.strptime(got[-1][1], "%Y-%m-%d %H:%M:%S")
    assert before <= start <= after
    answer = moscow.get(answer.headers["location"])  # and that is in UTC, for the page
    got = dict(urllib.parse.parse_qsl(answer.headers["location"].partition("?")[2], keep_blank_values=True))
    assert answer.status == 302 and got == {
        **given, "start_ts": (start - datetime.timedelta(hours=3)).isoformat() + "Z"}
    assert is_page(moscow.get(answer.headers["location"]))


@pytest.mark.parametrize("text, clear", [
    ("2016-05-23 13:53:20.5", "2016-05-23T10:53:20.500000Z"), ("5/23/2016 13:53", "2016-05-23T10:53:00Z"),
    ("2016-05-23", "2016-05-22T21:00:00Z")])
def test_the_page_gets_local_times_with_their_zone(moscow, text, clear):
    """The page has no other way to know the server's zone; what it shows begins where the API's answer does."""
    moscow.send("logs", [{"@timestamp": clear, "message": "first"}])
    for names in (["start_ts"], ["end_ts", "start_ts"]):
        args = {**dict.fromkeys(names, text), "search": "a b"}
        answer = moscow.get("/grep/logs,logs/?" + urllib.parse.urlencode(args))
        to, _, got = answer.headers["location"].partition("?")
        assert (answer.status, to) == (302, "/grep/logs,logs/")
        assert dict(urllib.parse.parse_qsl(got)) == {**dict.fromkeys(names, clear), "search": "a b"}
        assert is_page(moscow.get(answer.headers["location"]))
        assert lines(moscow, start_ts=text) == lines(moscow, start_ts=clear) == ["first"]
    for query in (f"start_ts={clear}", "start_ts=2016-05-23T13:53%2B03:00", "start_ts=x", "end_ts=", "from=&start_ts="):
        assert is_page(moscow.get(f"/grep/logs/?start_ts=2016-05-23T00:00Z&{query}")), query


def test_who_may_not_ask_gets_the_page_and_nothing_else(server):
    """The page says what is the matter; nothing tells which index or shortcut there is."""
    save(server, "logs", name="s", url="secret=1")
    headers = {"X-Forwarded-For": "1.2.3.4"}
    for path in ("/grep/logs/", "/grep/nothere/", "/grep/shortcut/s/", "/grep/shortcut/nothere/v/", "/grep/", "/admin/"):
        assert is_page(server.request("GET", path, headers=headers)), path
    for path in ("/api/grep/logs/", "/api/grep/nothere/", "/api/collector/indices/", "/collector/sphinx.conf",
                 "/api/v1/indexes/logs/shortcuts", "/api/v1/indexes/logs/shortcuts/s"):
        assert server.request("GET", path, headers=headers).status == 401, path
    foreign = server.request("GET", "/grep/logs/", headers={"Host": "evil.example"})
    assert foreign.status == 421
    for path in ("/grep/logs/", "/api/grep/logs/"):
        assert server.request("GET", path, headers={"Sec-Fetch-Site": "cross-site"}).status == 403


# ---- Shortcuts

def save(server, index, **settings):
    return server.request("POST", f"/api/v1/indexes/{index}/shortcuts", json.dumps(settings))


def test_a_shortcuts_life(server):
    server.create("web")
    made = save(server, "web", name="slow", description="Slow <ones>", url="search=slow", default_field="host")
    assert made.status == 201 and made.headers["location"] == "/api/v1/indexes/web/shortcuts/slow"
    slow = {"name": "slow", "index": "web", "description": "Slow <ones>", "url": "search=slow",
            "default_field": "host"}
    assert made.json == slow == server.ok("/api/v1/indexes/web/shortcuts/slow")
    plain = {"name": "plain", "index": "logs", "description": "", "url": "", "default_field": None}
    assert save(server, "logs", name="plain").json == plain
    assert server.ok("/api/v1/indexes/web/shortcuts") == {"shortcuts": [slow]}
    assert server.ok("/api/v1/indexes/web,logs/shortcuts") == {"shortcuts": [plain, slow]}
    assert save(server, "logs", name="slow").status == 409  # the address names no index
    assert server.get("/api/v1/indexes/logs/shortcuts/slow").status == 404
    changed = server.request("PATCH", "/api/v1/indexes/web/shortcuts/slow", '{"url":"x=1","default_field":null}')
    slow.update(url="x=1", default_field=None)
    assert changed.status == 200 and changed.json == slow
    assert server.request("DELETE", "/api/v1/indexes/logs/shortcuts/slow").status == 404
    assert server.request("DELETE", "/api/v1/indexes/logs/shortcuts/plain").status == 204
    server.kill()  # it was durable
    server.start()
    assert server.ok("/api/v1/indexes/web,logs/shortcuts") == {"shortcuts": [slow]}
    assert server.request("DELETE", "/api/v1/indexes/web").status == 204
    assert server.get("/grep/shortcut/slow/").status == 404
    server.create("web")
    assert server.ok("/api/v1/indexes/web/shortcuts") == {"shortcuts": []}


def location(server, path):
    answer = server.get(path)
    assert answer.status == 302, answer
    u = urllib.parse.urlparse(answer.headers["location"])
    assert not u.netloc
    return u.path, dict(urllib.parse.parse_qsl(u.query, keep_blank_values=True))


def test_where_shortcuts_lead(server):
    server.create("web")
    save(server, "web", name="s", url="search=slow+one&level__in=A,B&host=", default_field="host")
    save(server, "web", name="full", url="http://old/grep/other/?x=1&x=2#y")
    save(server, "web", name="path", url="/grep/web/", default_field="host")
    saved = {"search": "slow one", "level__in": "A,B"}
    assert location(server, "/grep/shortcut/s/") == ("/grep/web/", saved)
    assert location(server, "/grep/shortcut/s/?search=mine&a=1") == ("/grep/web/", {**saved, "a": "1"})
    assert location(server, "/grep/shortcut/s/h%201/?host=x&host=y") == ("/grep/web/", {**saved, "host": "h 1"})
    assert location(server, "/grep/shortcut/s/a/b%2Fc/") == ("/grep/web/", {**saved, "host": "a/b/c"})
    assert location(server, "/grep/shortcut/full/v/") == ("/grep/web/", {"x": "2"})  # it has no field
    assert location(server, "/grep/shortcut/path/v/") == ("/grep/web/", {"host": "v"})
    assert location(server, "/grep/shortcut/path/") == ("/grep/web/", {})
    assert server.get("/grep/shortcut/path").headers["location"] == "/grep/shortcut/path/"
    assert server.get("/grep/shortcut/s/v?a=1").headers["location"] == "/grep/shortcut/s/v/?a=1"
    for name in ("nothere", "%00", "a%20b"):
        assert server.get(f"/grep/shortcut/{name}/").status == 404
    path, params = location(server, "/grep/shortcut/s/%0d%0aX-Evil:1/")
    assert params["host"] == "\r\nX-Evil:1"
    assert is_page(server.get("/grep/web/?start_ts=2016-05-23&" + urllib.parse.urlencode(params)))


def test_alco_shortcut(server, alco):
    at = ("--server", server.url)
    server.create("web")
    assert alco("shortcut", "create", "web", "slow", "search=slow", "--description", "Slow ones",
                "--default-field", "host", *at).returncode == 0
    assert alco("shortcut", "create", "logs", "fast", "a=b", *at).returncode == 0
    done = alco("shortcut", "list", *at)
    assert done.returncode == 0
    assert [line.split()[:3] for line in done.stdout.decode().splitlines()] == [
        ["fast", "logs", "a=b"], ["slow", "web", "search=slow"]]
    assert json.loads(alco("shortcut", "list", "web", "--json", *at).stdout)["shortcuts"][0]["default_field"] == "host"
    assert location(server, "/grep/shortcut/slow/h/") == ("/grep/web/", {"host": "h", "search": "slow"})
    for args, status, word in [
            (("create", "web", "slow", "x"), 1, b"exists"), (("create", "no", "x", "x"), 1, b"'no'"),
            (("create", "", "x", "x"), 1, b"indexes//shortcuts"), (("drop", "", "slow"), 1, b"indexes//shortcuts"),
            (("create", "web", "a b", "x"), 1, b"a b"), (("create", "web", "x"), 2, b"URL"), (("drop", "web"), 2, b"NAME"),
            (("drop", "logs", "slow"), 1, b"slow"), (("list", "a", "b"), 2, b"INDEX"), (("what",), 2, b"what"),
            (("list", "--nosuch"), 2, b"nosuch"), ((), 2, b"list, create or drop")]:
        done = alco("shortcut", *args, *at)
        assert done.returncode == status and word in done.stderr, (args, done)
    assert alco("shortcut", "drop", "web", "slow", *at).returncode == 0
    assert server.ok("/api/v1/indexes/web/shortcuts") == {"shortcuts": []}
    for index in ("web", "logs"):
        assert alco("index", "drop", index, *at).returncode == 0
    done = alco("shortcut", "list", "--json", *at)
    assert done.returncode == 0 and json.loads(done.stdout) == {"shortcuts": []}
    assert b"create INDEX NAME URL" in alco("shortcut", "--help").stdout


def test_alco_shortcut_on_a_directory(alco, tmp_path):
    data = ("--data", tmp_path / "d")
    assert alco("index", "create", "web", *data).returncode == 0
    assert alco("shortcut", "create", "web", "s", "a=b", *data).returncode == 0
    assert b"a=b" in alco("shortcut", "list", *data).stdout
