"""Goal: a bad value is always 400 and named, what is not there 404, and nothing is 500. Method: routes
and parameters are read from openapi.json, so a new one is tried without a line here; each kind of
parameter gets what it cannot be, alone and on every route that has it."""
import json
import urllib.parse

import pytest

# What no parameter of this name takes; None: any bytes are good. A name that is missing here fails.
BAD = {
    "q": ["a AND", "a OR", "NOT", "/[/", "level<abc", "@level=(", "level=()", "level~/(/", "AND"],
    "from": ["yesterday", "-15x", "2024-13-01", "1e5", "-", "99999999999999999999"],
    "to": ["tomorrow", "2024-01-01T25:00:00Z", "now-", "--1m", "99999999999999999999"],
    "limit": ["-1", "10001", "x", "1.5", "", "18446744073709551616", "1 ", "+1"],
    "before": ["-1", "1001", "x", ""],
    "after": ["-1", "1001", "x", ""],
    "order": ["up", "", "DESC", "asc,desc"],
    "format": ["xml", "", "JSON"],
    "cursor": ["x", "AAAA", "!" * 300, "ä"],
    "interval": ["0s", "5", "m", "1y", "-1s", "1.5h", "99999999999999999999s", ""],
    "field": [""],
    "by": None,
    "fields": [",".join(f"f{i}" for i in range(5000))],
    "same": [",".join("abcdefghijklmnopqrstuvwxyz")],
    "id": ["x", "", "-1", "1.0", "18446744073709551616", "\0"],
    "of": ["nothere", "", "logs,logs"],
    "Last-Event-ID": ["x", "1", "1.", ".1", "1.-1", "1.4294967296", "18446744073709551616.0"],
}
BAD_INDEXES = ["nothere", "logs,nothere", ",", "logs,", "%00", "logs%00", "..", "%2F", "x" * 300, "%FF", "ä", " "]
BAD_SETTINGS = {
    "name": ["", "a b", "x" * 21, 5, None, "a\0b", "ä"],
    "intervals": [0, -1, 1.5, "7", None, 4294967296, 1e99],
    "max_bytes": [-1, 1.5, "7", 18446744073709551616],
    "queue_name": [5, None, "x" * 300, "a\nb"],
    "exchange": [5, None, "x" * 300],
    "routing_key": ["a,,b", 5, [5], ["x" * 300], {}, [["a"]]],
    "durable": [1, "true", None],
    "num_processes": [0, -1, "2", 4294967296],
    "timestamp_zone": ["Mars/Base", "../../etc/passwd", 5],
    "text_fields": ["a", [5], {}, [f"f{i}" for i in range(65)]],
    "engine": ["nosuch", 5],
}
BAD_SHORTCUT = {
    "name": ["", "a b", "x" * 31, 5, None, "a\0b", "ä", "a/b"],
    "index": ["other", 5, None],
    "description": [5, None, "x" * 2000, "a\nb"],
    "url": [5, None, "x" * 20_000, "a\0b"],
    "default_field": [5, "x" * 2000, []],
}
BAD_BODIES = ["", "x", "[]", "{", '{"a"}', "null", "5", '{"nosuch":1}', "\xff", '{"a":' * 3000]


def described(doc):
    """(method, path, operation) of every route."""
    return [(method, path, o) for path, methods in doc["paths"].items() for method, o in methods.items()]


def good(doc_parameters, hit):
    """What the required ones need."""
    values = {"id": hit["id"], "field": "level"}
    return {p["name"]: values[p["name"]] for p in doc_parameters if p["required"] and p["in"] == "query"}


def address(path, index="logs", field="level"):
    return path.replace("{index}", index).replace("{field}", field).replace("{shortcut}", "saved").replace("{user}", "no").replace("{token}", "no")


def check_problem(answer, status, *words):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json", answer
    problem = answer.json
    assert set(problem) == {"type", "title", "status", "detail"} and problem["status"] == status
    assert problem["detail"] and len(problem["detail"]) < 1000
    for word in words:
        assert word in problem["detail"], (word, problem)


@pytest.fixture
def described_server(server):
    server.send("logs", [{"message": "hello", "level": "INFO", "n": i} for i in range(3)])
    made = server.request("POST", "/api/v1/indexes/logs/shortcuts", '{"name":"saved","url":"n=1"}')
    assert made.status == 201, made
    server.doc = server.ok("/api/openapi.json")
    (server.hit,) = server.api("logs", "search", limit=1)["hits"]
    return server


def test_every_bad_value_of_every_parameter(described_server):
    server, tried = described_server, 0
    for method, path, o in described(server.doc):
        parameters = o.get("parameters", [])
        for p in parameters:
            if p["in"] == "path":
                continue
            assert p["name"] in BAD, f"{path}: say here what {p['name']} cannot be"
            for value in BAD[p["name"]] or []:
                if p["in"] == "header":
                    answer = server.request(method.upper(), address(path), headers={p["name"]: value})
                    check_problem(answer, 400, p["name"])
                    tried += 1
                    continue
                params = {**good(parameters, server.hit), p["name"]: value}
                shown = value.encode(errors="replace").decode()[:50]
                for answer in ask(server, method.upper(), address(path), params):
                    # A query is named by where it cannot be read.
                    words = [p["name"]] if p["name"] != "q" else []
                    if p["name"] not in ("q", "same", "fields", "field", "id") and value:
                        words.append(shown)
                    check_problem(answer, 400, *words)
                    assert p["name"] == "q" or "expected" in answer.json["detail"] or \
                        "more than" in answer.json["detail"], answer
                    tried += 1
    assert tried > 150


@pytest.mark.parametrize("q", ["x" * 65_537, "(" * 1000 + "a" + ")" * 1000, "NOT (" * 300 + "a" + ")" * 300,
                               "a b " * 5000, "x OR " * 13_000 + "y"])
def test_a_query_beyond_its_bounds(server, q):
    """Which of them is too much is query.md's; it is said, or it is answered."""
    answer = server.request("POST", "/api/v1/indexes/logs/count", json.dumps({"q": q}))
    if answer.status != 200:
        check_problem(answer, 413)


def ask(server, method, path, params):
    """Every way in which the parameters can be given."""
    encoded = urllib.parse.urlencode(params)
    if len(encoded) < 60_000:
        yield server.request(method, path + "?" + encoded)
    if method == "POST":
        yield server.request(method, path, encoded)
        yield server.request(method, path, json.dumps(params))


def test_a_parameter_that_no_route_has(described_server):
    server = described_server
    for method, path, o in described(server.doc):
        answer = server.request(method.upper(), address(path) + "?nosuch=1")
        check_problem(answer, 400, "nosuch")
        known = [p["name"] for p in o.get("parameters", []) if p["in"] == "query"]
        for name in known[:1]:
            answer = server.request(method.upper(), address(path) + f"?{name}=a&{name}=b")
            check_problem(answer, 400, name)
            answer = server.request(method.upper(), address(path) + f"?{name}=%zz")
            check_problem(answer, 400, "%zz")


def test_every_index_that_is_not_there(described_server):
    server = described_server
    for method, path, o in described(server.doc):
        if "{index}" not in path:
            continue
        params = good(o.get("parameters", []), server.hit)
        for index in BAD_INDEXES:
            url = address(path, urllib.parse.quote(index, safe="%,"))
            body = "{}" if method in ("patch", "post") else None
            answer = server.request(method.upper(), url, body, params=params)
            check_problem(answer, 404)
    check_problem(server.request("PATCH", "/api/v1/indexes/logs/fields/nothere", "{}"), 404, "nothere")
    assert server.api("logs", "count")["count"] == 3


def test_every_bad_setting(described_server):
    server = described_server
    known = server.doc["components"]["schemas"]["Settings"]["properties"]
    assert set(known) == set(BAD_SETTINGS)
    before = server.ok("/api/v1/indexes/logs")
    for name, values in BAD_SETTINGS.items():
        for value in values:
            made = server.request("POST", "/api/v1/indexes", json.dumps({"name": "fresh", name: value}))
            check_problem(made, 400, name)
            changed = server.request("PATCH", "/api/v1/indexes/logs", json.dumps({name: value}))
            check_problem(changed, 400, name)
    for name in server.doc["components"]["schemas"]["Flags"]["properties"]:
        for value in (1, "true", None, [], {}):
            answer = server.request("PATCH", "/api/v1/indexes/logs/fields/level", json.dumps({name: value}))
            check_problem(answer, 400, name)
    before_shortcuts = server.ok("/api/v1/indexes/logs/shortcuts")
    assert set(server.doc["components"]["schemas"]["ShortcutSettings"]["properties"]) == set(BAD_SHORTCUT)
    for name, values in BAD_SHORTCUT.items():
        for value in values:
            made = server.request("POST", "/api/v1/indexes/logs/shortcuts", json.dumps({"name": "fresh", name: value}))
            check_problem(made, 400, name)
            changed = server.request("PATCH", "/api/v1/indexes/logs/shortcuts/saved", json.dumps({name: value}))
            check_problem(changed, 400, name)
    assert server.ok("/api/v1/indexes/logs/shortcuts") == before_shortcuts
    assert [i["name"] for i in server.ok("/api/v1/indexes")["indexes"]] == ["logs"]
    after = server.ok("/api/v1/indexes/logs")
    assert {**after, "stats": 0} == {**before, "stats": 0}


def test_every_bad_body(described_server):
    server = described_server
    for method, path, o in described(server.doc):
        content = o.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        for body in BAD_BODIES:
            is_form = "application/x-www-form-urlencoded" in content and not body.startswith("{")
            answer = server.request(method.upper(), address(path), body.encode("latin-1"))
            if is_form and body == "":
                assert answer.status == 200
            elif not o["requestBody"].get("required", True) and body == "":
                assert answer.status in (201, 404)
            else:
                check_problem(answer, 400)
        check_problem(server.request(method.upper(), address(path), b"x" * 2_000_000), 413)
    assert server.ok("/ready") == {"status": "ready"}


@pytest.mark.parametrize("body", [b"null", b"1", b" true\n", b"false", b"[]", b"-1e5", b'"q=x"'])
def test_a_value_that_is_no_object(server, body):
    for path in ("/api/v1/indexes/logs/search", "/api/v1/indexes"):
        answer = server.request("POST", path, body)
        check_problem(answer, 400)
        assert "expected a JSON object" in answer.json["detail"]


def test_every_other_method(described_server):
    server = described_server
    for path, methods in server.doc["paths"].items():
        for method in {"get", "post", "put", "patch", "delete", "options"} - set(methods):
            answer = server.request(method.upper(), address(path))
            check_problem(answer, 405)
            allowed = {m.strip().lower() for m in answer.headers["allow"].split(",")}
            assert allowed - {"head"} == set(methods)
