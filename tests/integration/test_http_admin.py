"""Goal: indexes and fields over HTTP, who may ask, the page, metrics, openapi.json.
Method: every setting, every refusal; the document is held against the program's answers."""
import errno
import gzip
import json
import os
import re
import threading

import pytest

from conftest import wait_for

CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
       "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")


def test_the_first_index(server):
    (index,) = server.ok("/api/v1/indexes")["indexes"]
    assert index == {
        "name": "logs", "intervals": 30, "max_bytes": 0, "queue_name": "logstash",
        "exchange": "logstash", "routing_key": "logstash.#", "durable": False, "num_processes": 1,
        "timestamp_zone": "utc", "text_fields": ["exc_info", "stack_info"], "engine": "embedded",
        "stats": {"records": 0, "bytes": 0, "first": None, "last": None, "last_5m": 0}}


def test_an_indexs_life(server):
    made = server.create("web", intervals=7, max_bytes=10**12, routing_key=["a.#", "b"],
                         durable=True, num_processes=2, timestamp_zone="Europe/Moscow",
                         text_fields=["body"], exchange="ex", queue_name="q")
    assert made["routing_key"] == "a.#,b" and made["queue_name"] == "q"
    server.send("web", [{"@timestamp": "2026-01-01T03:00:00Z", "message": "x", "body": "find me"}])
    (hit,) = server.api("web", "search", q="find me")["hits"]
    assert hit["time"].startswith("2026-01-01T00:00:00")  # Moscow's clock
    changed = server.request("PATCH", "/api/v1/indexes/web", '{"intervals":9,"text_fields":[]}')
    assert changed.status == 200 and changed.json["intervals"] == 9
    assert server.api("web", "search", q="find me")["hits"] == []
    server.stop()
    server.start()
    assert server.ok("/api/v1/indexes/web")["stats"]["records"] == 1
    assert server.request("DELETE", "/api/v1/indexes/web").status == 204
    assert server.get("/api/v1/indexes/web").status == 404
    assert [i["name"] for i in server.ok("/api/v1/indexes")["indexes"]] == ["logs"]
    server.create("web")
    assert server.api("web", "count")["count"] == 0


def test_statistics(server):
    server.send("logs", [{"message": "now"}, {"@timestamp": "2024-05-01T10:00:00Z", "message": "x"}])
    stats = server.ok("/api/v1/indexes/logs")["stats"]
    assert stats["records"] == 2 and stats["last_5m"] == 1
    assert stats["first"] == "2024-05-01T10:00:00.000000000Z" and stats["last"] > "2026"
    server.send("logs", [{"@timestamp": "2099-05-01T10:00:00Z", "message": "of a clock that is ahead"}])
    assert server.ok("/api/v1/indexes/logs")["stats"]["last_5m"] == 1


@pytest.mark.parametrize("body, status, word", [
    ("", 400, "JSON"), ("[]", 400, "object"), ("{", 400, "JSON"), ("{}", 400, "name"),
    ('{"name":"a b"}', 400, "a b"), ('{"name":"x","intervals":0}', 400, "intervals"),
    ('{"name":"x","intervals":"7"}', 400, "intervals"), ('{"name":"x","intervals":1.5}', 400, "intervals"),
    ('{"name":"x","nosuch":1}', 400, "nosuch"), ('{"name":"x","durable":1}', 400, "durable"),
    ('{"name":"x","timestamp_zone":"Mars/Base"}', 400, "Mars/Base"),
    ('{"name":"x","engine":"sphinx"}', 400, "sphinx"), ('{"name":"x","text_fields":"a"}', 400, "text_fields"),
    ('{"name":"x","routing_key":"a,,b"}', 400, "'a,,b'"), ('{"name":"logs"}', 409, "logs"),
    ('{"name":"x","queue_name":"logstash"}', 409, "logstash"),
    pytest.param('{"name":"' + "x" * 2_000_000 + '"}', 413, "body", id="long"),
])
def test_bad_settings(server, body, status, word):
    answer = server.request("POST", "/api/v1/indexes", body)
    assert answer.status == status and word in answer.json["detail"], answer
    assert len(server.ok("/api/v1/indexes")["indexes"]) == 1


@pytest.mark.parametrize("path, body, status", [
    ("/api/v1/indexes/logs", '{"name":"other"}', 400), ("/api/v1/indexes/no", "{}", 404),
    ("/api/v1/indexes/logs/fields/no", "{}", 404), ("/api/v1/indexes/logs/fields/a", '{"x":true}', 400),
    ("/api/v1/indexes/logs/fields/a", '{"display":"yes"}', 400), ("/api/v1/indexes/no/fields/a", "{}", 404),
])
def test_bad_changes(server, path, body, status):
    server.send("logs", [{"message": "x", "a": 1}])
    assert server.request("PATCH", path, body).status == status


def test_settings_on_a_full_disk_are_to_be_tried_again(make_server, small_disk):
    """Not an error of ours: 503 with a time to come again, nothing changed; with room each is done."""
    server = make_server("--min-free", "0", data=small_disk / "data")
    server.create("old")
    server.send("logs", [{"message": "x", "a": 1}])
    with open(small_disk / "filler", "wb", buffering=0) as f:
        with pytest.raises(OSError) as full:
            while True:
                f.write(bytes(1 << 12))
        assert full.value.errno == errno.ENOSPC
    calls = [("PATCH", "/api/v1/indexes/logs", b'{"intervals":7}', 200),
             ("PATCH", "/api/v1/indexes/logs/fields/a", b'{"display":true}', 200),
             ("POST", "/api/v1/indexes", b'{"name":"new"}', 201), ("DELETE", "/api/v1/indexes/old", None, 204)]
    names = {i["name"] for i in server.ok("/api/v1/indexes")["indexes"]}
    room = 0  # the catalogue's log may have some of its own yet
    while server.request("PATCH", "/api/v1/indexes/logs", b'{"intervals":%d}' % (room % 5 + 1)).status == 200:
        room += 1
        assert room < 10000
    for method, path, body, _ in calls:
        answer = server.request(method, path, body)
        assert answer.status == 503 and int(answer.headers["retry-after"]) > 0, (method, path, answer)
        assert re.search("full|No space", answer.json["detail"])
    assert {i["name"] for i in server.ok("/api/v1/indexes")["indexes"]} == names
    os.unlink(small_disk / "filler")
    for method, path, body, status in calls:
        assert server.request(method, path, body).status == status
    server.stop()


def test_fields_of_several_indexes_and_one_field(server):
    server.create("web")
    server.send("logs", [{"message": "x", "a": 1, "b": {"c": 2}}])
    server.send("web", [{"message": "x", "a": 1}])
    assert server.request("PATCH", "/api/v1/indexes/web/fields/a", '{"filtered":true}').status == 200
    (mine, inner) = server.ok("/api/v1/indexes/logs/fields")["fields"]
    (theirs,) = server.ok("/api/v1/indexes/web/fields")["fields"]
    assert (mine["name"], inner["name"], theirs["name"]) == ("a", "b.c", "a")
    assert "index" not in mine and not mine["filtered"] and theirs["filtered"]
    both = [{**mine, "index": "logs"}, {**inner, "index": "logs"}, {**theirs, "index": "web"}]
    for names in ("logs,web", "web,logs", "web,logs,web"):
        assert server.ok(f"/api/v1/indexes/{names}/fields")["fields"] == both
    assert server.ok("/api/v1/indexes/web,web/fields")["fields"] == [theirs]
    assert server.get("/api/v1/indexes/logs,no/fields").status == 404
    assert server.ok("/api/v1/indexes/web/fields/a") == theirs
    assert server.ok("/api/v1/indexes/logs/fields/b.c") == inner
    for path, word in (("logs/fields/no", "'no'"), ("logs/fields/b", "'b'"), ("no/fields/a", "'no'")):
        answer = server.get(f"/api/v1/indexes/{path}")
        assert answer.status == 404 and word in answer.json["detail"], answer


def test_a_field_with_any_name(server):
    name = "ä/b c%"
    server.send("logs", [{"message": "x", name: 1}])
    answer = server.request("PATCH", "/api/v1/indexes/logs/fields/%C3%A4%2Fb%20c%25",
                            '{"display":false}')
    assert answer.status == 200 and answer.json["name"] == name and not answer.json["display"]
    assert server.ok("/api/v1/indexes/logs/fields/%C3%A4%2Fb%20c%25") == answer.json


# ---- Who may ask

@pytest.mark.parametrize("headers, status", [
    ({"Host": "localhost"}, 200), ({"Host": "127.0.0.1:1"}, 200), ({"Host": "[::1]"}, 200),
    ({"Host": "192.168.3.4"}, 200), ({"Host": "evil.example"}, 421), ({"Host": "localhost.evil"}, 421),
    ({"Host": "1.2.3.4.evil"}, 421), ({"Host": ""}, 421),
    ({"Host": "localhost:80", "Origin": "http://localhost"}, 200),
    ({"Host": "localhost:81", "Origin": "http://localhost:81"}, 200),
    ({"Host": "localhost:81", "Origin": "http://localhost:82"}, 403),
    ({"Host": "localhost", "Origin": "http://evil.example"}, 403),
    ({"Host": "localhost", "Origin": "null"}, 403),
    ({"Host": "localhost", "Sec-Fetch-Site": "cross-site"}, 403),
    ({"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ({"Host": "localhost", "Sec-Fetch-Site": "same-origin"}, 200),
    ({"X-Forwarded-For": "1.2.3.4"}, 401), ({"Forwarded": "for=1.2.3.4"}, 401),
    ({"X-Forwarded-Proto": "https"}, 401),
])
def test_who_may_ask(server, headers, status):
    for path in ("/api/v1/indexes", "/api/v1/indexes/logs/count", "/metrics"):
        assert server.request("GET", path, headers=headers).status == status


def test_a_foreign_page_cannot_write(server):
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}):
        answer = server.request("POST", "/api/v1/indexes/logs/logs", b'{"message":"x"}', headers)
        assert answer.status == 403
    assert server.api("logs", "count")["count"] == 0


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_beyond_loopback_is_refused_without_users(alco, tmp_path, address):
    done = alco("serve", "--data", tmp_path / "d", "--listen", address)
    assert done.returncode == 2 and b"no user" in done.stderr and b"127.0.0.1" in done.stderr
    assert b"ssh -L" in done.stderr and b"proxy" not in done.stderr  # what comes through a proxy is refused, too
    assert not (tmp_path / "d").exists()


# ---- The page

def test_the_page(server):
    server.create("web")
    for path in ("/", "/grep/", "/grep/logs/?from=", "/grep/logs,web/?q=x", "/admin/"):
        answer = server.get(path)
        assert answer.status == 200, path
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"] == CSP
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"]
        assert answer.headers["cache-control"] == "no-cache"
    same = server.request("GET", "/", headers={"If-None-Match": answer.headers["etag"]})
    assert same.status == 304 and same.body == b"" and same.headers["etag"]
    names = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', answer.text)
    assert len(names) == 2
    for name in names:
        plain = server.get(name)
        assert "immutable" in plain.headers["cache-control"]
        zipped = server.request("GET", name, headers={"Accept-Encoding": "gzip"})
        assert zipped.headers["content-encoding"] == "gzip"
        assert gzip.decompress(zipped.body) == plain.body
    assert server.get("/assets/nothing.js").status == 404
    assert server.request("POST", "/").status == 404


# ---- Metrics and the document

def test_metrics(server):
    server.send("logs", [{"message": "x"}, "no json"])
    server.api("logs", "search", q="x")
    text = server.get("/metrics").text
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^}]*\})? [0-9.e+-]+", line), line
    assert re.search(r'^alco_build_info\{version="[0-9.]+"\} 1$', text, re.M)
    assert server.metric('alco_ingested_records_total{source="http"}') == 2
    assert server.metric('alco_ingest_notes_total{source="http",note="parse_error"}') == 1
    assert server.metric("alco_records") == 2
    assert server.metric("alco_query_seconds_count") == 1
    assert server.metric("process_resident_memory_bytes") > 1 << 20


def check(schema, value, doc, where):
    """A JSON value against the part of JSON Schema that the document uses."""
    if "$ref" in schema:
        schema = doc["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if value is None:
        assert schema.get("nullable") or "type" not in schema, where
        return
    kind = schema.get("type")
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
             "number": (int, float)}
    if kind:
        assert isinstance(value, types[kind]) and not (kind == "integer" and isinstance(value, bool)), \
            (where, kind, value)
    if kind == "object":
        for name in schema.get("required", []):
            assert name in value, (where, name)
        known = schema.get("properties")
        if known is not None:
            assert set(value) <= set(known), (where, set(value) - set(known))
            for name, item in value.items():
                check(known[name], item, doc, f"{where}.{name}")
        elif isinstance(schema.get("additionalProperties"), dict):
            for name, item in value.items():
                check(schema["additionalProperties"], item, doc, f"{where}.{name}")
    if kind == "array":
        for item in value:
            check(schema["items"], item, doc, where + "[]")


def test_answers_are_as_openapi_describes(server):
    """Every JSON answer of every described GET; that every route is described is a unit test."""
    doc = server.ok("/api/openapi.json")
    server.send("logs", [{"message": "hello", "level": "INFO", "n": i} for i in range(3)])
    server.request("POST", "/api/v1/indexes/logs/shortcuts", '{"name":"saved","url":"level=INFO"}')
    (hit,) = server.api("logs", "search", limit=1)["hits"]
    values = {"index": "logs", "id": hit["id"], "field": "level", "by": "level", "q": "hello",
              "from": "-1d", "to": "now", "limit": "2", "order": "asc", "format": "json",
              "interval": "1h", "before": "1", "after": "1", "same": "level", "fields": "n",
              "of": "logs", "cursor": server.api("logs", "search", limit=1, order="asc")["next"]}
    seen = 0
    for path, methods in doc["paths"].items():
        get = methods.get("get")
        content = get and get["responses"]["200"].get("content", {})
        if not get or "application/json" not in content or "{user}" in path:  # those: test_auth.py
            continue
        queries = [p["name"] for p in get["parameters"] if p["in"] == "query"]
        required = {p["name"]: values[p["name"]] for p in get["parameters"]
                    if p["in"] == "query" and p["required"]}
        for extra in [[], *[[name] for name in queries], queries]:
            params = {**required, **{name: values[name] for name in extra}}
            url = path.replace("{index}", "logs").replace("{field}", "level").replace("{shortcut}", "saved")
            answer = server.get(url, **params)
            assert answer.status == 200, (path, params, answer)
            assert answer.headers["content-type"] == "application/json"
            check(content["application/json"]["schema"], answer.json, doc, path)
            seen += 1
    assert seen > 30
    for path, methods in doc["paths"].items():  # a described method is one that is answered
        for method in methods:
            url = path.replace("{index}", "nothere").replace("{field}", "f").replace("{user}", "no")
            if path == "/api/v1/logout":  # of nobody: there is nothing to end
                assert server.request("POST", path).status == 204
            elif method != "get" or "{index}" in path:
                status = server.request(method.upper(), url).status
                assert status in (400, 404), (method, path, status)


# ---- The process

def test_one_process_owns_a_directory(server, alco):
    second = alco("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert second.returncode == 1 and b"owns" in second.stderr
    assert server.ok("/ready") == {"status": "ready"}


def test_a_taken_port_is_named(server, alco, tmp_path):
    done = alco("serve", "--data", tmp_path / "d", "--listen", f"127.0.0.1:{server.port}")
    assert done.returncode == 1 and str(server.port).encode() in done.stderr


def test_sighup_loses_nothing(server):
    import signal
    server.process.send_signal(signal.SIGHUP)
    server.send("logs", [{"message": "still here"}])
    assert server.api("logs", "count")["count"] == 1


def test_collected_is_told(server):
    server.send("logs", [{"message": "x"}] * 7)
    wait_for(lambda: any(line == "alco: collected logs=7\n" for line in server.lines),
             "the line with the number collected")


def test_check_config(alco):
    assert alco("serve", "--check-config").returncode == 0
    assert alco("serve", "--check-config", "--listen", "nonsense").returncode == 2
    assert alco("serve", "--check-config", "--memory", "8MiB").returncode == 0
    for too_little in ("0", "1", "8388607"):
        refused = alco("serve", "--check-config", "--memory", too_little)
        assert refused.returncode == 2 and b"8MiB" in refused.stderr
    assert alco("serve", "--check-config", "--amqp", "http://x").returncode == 2


def test_the_catalog_log_is_small_after_a_while(server):
    import os
    server.send("logs", [{"message": "x", f"f{i}": i} for i in range(900)])
    path = os.path.join(server.data, "catalog.db-wal")
    wait_for(lambda: not os.path.exists(path) or os.path.getsize(path) == 0, "an empty log")


def test_nobody_else_reads_the_data_directory(make_server):
    before = os.umask(0)
    try:
        server = make_server()
    finally:
        os.umask(before)
    server.send("logs", [{"message": "x"}])
    files = [os.path.join(d, name) for d, _, names in os.walk(server.data) for name in names]
    assert os.path.join(server.data, "catalog.db") in files
    assert [f for f in files if os.stat(f).st_mode & 0o027] == []


def test_of_changes_at_once_none_undoes_another(server):
    """Each caller has a setting, or a flag, of its own; what it set holds until it sets it again."""
    server.send("logs", [{"message": "x", "a": 1}])
    failed = []

    def change(path, name, values):
        try:
            for value in values:
                changed = server.request("PATCH", path, json.dumps({name: value}))
                assert changed.status == 200 and changed.json[name] == value
                assert server.ok(path)[name] == value
        except Exception as e:  # told below, not lost with the thread
            failed.append(e)

    index, field = "/api/v1/indexes/logs", "/api/v1/indexes/logs/fields/a"
    threads = [threading.Thread(target=change, args=args) for args in (
        (index, "intervals", range(2, 52)), (index, "num_processes", range(1, 51)),
        (index, "max_bytes", range(10**9, 10**9 + 50)), (field, "context", [True, False] * 25),
        (field, "filtered", [True, False] * 25))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed, failed
