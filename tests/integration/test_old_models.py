"""Goal: indexes, fields and shortcuts have old ALCO's settings, and days turn over as they did there.
Method: each setting at its default, at its bounds and changed; records around midnight and late ones are
looked for by their day."""
import datetime
import json

import pytest

from conftest import wait_for

DAY = datetime.timedelta(days=1)


def fields_of(server, index="logs"):
    return server.ok(f"/api/v1/indexes/{index}/fields")["fields"]


def patch(server, path, **changes):
    answer = server.request("PATCH", f"/api/v1/indexes/{path}", json.dumps(changes))
    assert answer.status == 200, answer
    return answer.json


def post(server, path, **settings):
    return server.request("POST", f"/api/v1/indexes{path}", json.dumps(settings))


def grep(server, index="logs", **params):
    return [r["logline"] for r in server.ok(f"/api/grep/{index}/", **params)["results"]]


# ---- Indexes and fields

def test_the_name_of_an_index_is_a_word_of_twenty_letters(server):
    for name in ("a", "Web_2", "x" * 20, "_"):
        assert post(server, "", name=name).status == 201
        assert grep(server, name) == []
    for name in ("x" * 21, "a-b", "a.b", "a b", "", "ж"):
        assert post(server, "", name=name).status == 400, name
    names = [i["name"] for i in server.ok("/api/v1/indexes")["indexes"]]
    assert names == sorted(names) == [i["name"] for i in server.ok("/api/collector/indices/")]


def test_a_field_is_registered_once_with_old_alcos_defaults(server):
    for _ in range(2):
        server.send("logs", [{"message": "x", "zone": 1, "shop": "s", "Area": [1], "empty": None}])
    fields = fields_of(server)
    assert [f["name"] for f in fields] == ["Area", "empty", "shop", "zone"]  # each once, by name
    flags = {"filtered": False, "display": True, "excluded": False, "context": False, "indexed": False}
    for field in fields:
        assert {name: field[name] for name in flags} == flags


@pytest.mark.parametrize("flag, value", [("filtered", True), ("display", False), ("excluded", True),
                                         ("context", True), ("indexed", True)])
def test_each_flag_is_set_by_itself_and_kept(server, flag, value):
    server.send("logs", [{"message": "x", "shop": "s"}])
    (before,) = fields_of(server)
    assert patch(server, "logs/fields/shop", **{flag: value}) == {**before, flag: value}
    server.stop()
    server.start()
    assert fields_of(server) == [{**before, flag: value}]


def test_indexed_changes_nothing_of_what_is_found(server):
    records = [{"message": str(i), "text": text} for i, text in enumerate(["one two", "one", "two", "ONE"])]
    server.send("logs", records)
    asked = [{"text": "one"}, {"text__in": "one,two"}, {"text": "one two"}, {"search": "one"}]
    before = [grep(server, **params) for params in asked]
    assert before == [["1"], ["1", "2"], ["0"], []]  # equal, not a word of it; no text but the message
    patch(server, "logs/fields/text", indexed=True)
    server.send("logs", [{**r, "message": r["message"] + "b"} for r in records])
    assert [grep(server, **params) for params in asked] == [["1", "1b"], ["1", "2", "1b", "2b"], ["0", "0b"], []]


# ---- Shortcuts

def test_a_shortcut_may_be_as_long_as_it_was(server):
    longest = {"name": "n" * 30, "description": "d" * 255, "url": "search=" + "u" * 248, "default_field": "f" * 100}
    assert post(server, "/logs/shortcuts", **longest).status == 201
    assert server.ok("/api/v1/indexes/logs/shortcuts") == {"shortcuts": [{**longest, "index": "logs"}]}
    assert server.get("/grep/shortcut/" + "n" * 30 + "/").headers["location"] == "/grep/logs/?" + longest["url"]
    for name in ("n" * 31, "a-b", "a b", ""):
        answer = post(server, "/logs/shortcuts", name=name)
        assert answer.status == 400 and "name" in answer.json["detail"], name


# ---- Days

@pytest.fixture
def utc(make_server, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    return make_server()


def days_ago(n):
    return datetime.datetime.now(datetime.timezone.utc).date() - n * DAY


def test_records_around_midnight_and_late_ones_are_of_their_own_day(utc):
    """The first ones in one batch, which begins with the later day."""
    first, second = days_ago(2), days_ago(1)
    utc.send("logs", [{"@timestamp": f"{second}T00:00:00Z", "message": "begin"},
                      {"@timestamp": f"{first}T23:59:59.999999Z", "message": "end of the first"},
                      {"@timestamp": f"{second}T23:59:59.999999Z", "message": "end of the second"}])
    for _ in range(2):
        utc.send("logs", [{"@timestamp": f"{first}T12:00:00Z", "message": "late"}])
        assert utc.request("POST", "/api/v1/indexes/logs/compact").status == 204
    utc.stop()
    utc.start()

    def day(d):
        return grep(utc, start_ts=f"{d}", end_ts=f"{d} 23:59:59.999999")
    assert day(first) == ["late", "late", "end of the first"]
    assert day(second) == ["begin", "end of the second"]
    assert grep(utc, start_ts=f"{second}") == ["begin", "end of the second"]


@pytest.mark.parametrize("form", ["{}", "{} 00:00:00", "{}T00:00:00", "{}T00:00:00Z"])
def test_a_start_reaches_from_its_day_through_all_later_ones(utc, form):
    """Old ALCO read such a day's own index with a date-time, all with a date; here they are the same."""
    utc.send("logs", [{"@timestamp": f"{days_ago(n)}T00:00:00Z", "message": str(n)} for n in (60, 5, 3, 2, 0)])
    assert grep(utc, start_ts=form.format(days_ago(3))) == ["3", "2", "0"]
    assert grep(utc, start_ts=form.format(days_ago(4))) == ["3", "2", "0"]  # a day without records
    assert grep(utc, start_ts=form.format(days_ago(100))) == ["60", "5", "3", "2", "0"]  # no day that is kept
    assert grep(utc, start_ts=form.format(days_ago(-3))) == []


# ---- What the collector said

def test_a_count_is_of_what_came_since_the_last_one(server):
    def told():
        return [line for line in server.lines if line.startswith("alco: collected")]
    server.send("logs", [{"message": "x"}] * 7)
    wait_for(lambda: told() == ["alco: collected logs=7\n"], "the first count")
    server.send("logs", [{"message": "x"}] * 3)
    wait_for(lambda: told() == ["alco: collected logs=7\n", "alco: collected logs=3\n"], "the next count")
