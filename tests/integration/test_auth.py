"""Goal: nobody gets at anything without the right to it. Method: the routes are read from the program
(openapi.json, which a unit test holds against the table of routes), each is asked by everybody there
is; what attackers try is tried; sessions and tokens over restarts, crashes and days."""
import concurrent.futures
import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from conftest import ALCO, DEADLINE_S, Server, wait_for

PASSWORDS = {"ann": "correct horse", "rob": "battery staple", "wes": "ünï\u0000cöde \"quoted\""}
ROLES = {"ann": "admin", "rob": "reader", "wes": "writer"}


class Users:
    """A server with one user of each role, a token and a password each."""

    def __init__(self, server):
        self.server = server
        self.tokens = {}
        for name, role in ROLES.items():  # the admin first
            headers = self.bearer("ann") if self.tokens else {}
            body = json.dumps({"name": name, "role": role, "password": PASSWORDS[name]})
            made = server.request("POST", "/api/v1/users", body, headers)
            assert made.status == 201 and made.headers["location"] == f"/api/v1/users/{name}", made
            if not self.tokens:
                headers = self.login("ann").headers()
            made = server.request("POST", f"/api/v1/users/{name}/tokens", '{"name":"first"}', headers)
            assert made.status == 201, made
            self.tokens[name] = made.json["token"]

    def bearer(self, name):
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    def login(self, name, password=None, headers=None):
        return Session(try_login(self.server, name, password or PASSWORDS[name], headers))

    def admin(self, method, path, body=None):
        return self.server.request(method, path, None if body is None else json.dumps(body), self.bearer("ann"))

    def is_in(self, headers):
        status = self.server.request("GET", "/api/v1/me", headers=headers).status
        assert status in (200, 401), status
        return status == 200


class Session:
    """What a browser keeps of a login."""

    def __init__(self, answer):
        assert answer.status == 200, answer
        self.answer = answer
        self.cookies = dict(re.findall(r"(alco_\w+)=([^;,]+)", answer.headers["set-cookie"]))
        assert set(self.cookies) == {"alco_session", "alco_csrf"}

    def cookie(self):
        return {"Cookie": "other=1; " + "; ".join(f"{k}={v}" for k, v in self.cookies.items())}

    def headers(self):
        return {**self.cookie(), "X-CSRF-Token": self.cookies["alco_csrf"]}


def try_login(server, name, password, headers=None):
    body = json.dumps({"name": name, "password": password})
    connection = server.connect()
    try:  # getheaders, as Set-Cookie comes twice
        connection.request("POST", "/api/v1/login", body, headers or {})
        response = connection.getresponse()
        answer = type("Answer", (), {})()
        answer.status = response.status
        answer.body = response.read()
        answer.headers = {}
        for key, value in response.getheaders():
            key = key.lower()
            answer.headers[key] = f"{answer.headers[key]}, {value}" if key in answer.headers else value
        answer.json = json.loads(answer.body)
        return answer
    finally:
        connection.close()


@pytest.fixture
def users(server):
    return Users(server)


# ---- Every route, everybody

def designed(method, path):
    """Whose a route is, said a second time: what the program says must be this."""
    if path in ("/health", "/ready", "/api/openapi.json", "/api/v1/login"):
        return "all"
    if path in ("/metrics", "/api/v1/me", "/api/v1/logout") or (method, path) == ("get", "/api/v1/indexes/{index}"):
        return "users"
    if path.endswith("/logs"):
        return "writers"
    if method == "get" and path.startswith(("/grep/", "/api/grep/", "/api/collector/", "/collector/")):
        return "readers"
    if path.startswith("/api/v1/indexes") and (method == "get" or path.endswith(("/search", "/count"))):
        return "readers"
    return "admins"


MAY = {"all": {None, "reader", "writer", "admin"}, "users": {"reader", "writer", "admin"},
       "readers": {"reader", "admin"}, "writers": {"writer", "admin"}, "admins": {"admin"}}


def routes(server):
    doc = server.ok("/api/openapi.json")
    return [(method, path.replace("*", ""), o) for kind in ("paths", "x-old-paths")
            for path, methods in doc[kind].items() for method, o in methods.items()]


def is_of_the_page(path):
    """There people come, who are shown the page: it asks who they are."""
    return path.startswith("/grep/")


def everything(users):
    """What may not change by asking."""
    return (users.admin("GET", "/api/v1/users").json,
            [i["name"] for i in users.admin("GET", "/api/v1/indexes").json["indexes"]])


@pytest.mark.parametrize("way", ["token", "session"])
def test_every_route_with_every_role(users, way):
    """Names in addresses are of nothing that is there: allowed is then 404 or 400, and nothing changes."""
    server, tried, before = users.server, 0, everything(users)
    page = server.request("GET", "/").body
    for method, path, o in routes(server):
        assert o["x-for"] == designed(method, path), (method, path)
        address = re.sub(r"\{\w+\}", "nothere", path)
        for name in [None, *ROLES]:
            role = ROLES.get(name)
            headers = {}
            if name:
                headers = users.bearer(name) if way == "token" else users.login(name).headers()
            for verb in [method.upper()] + (["HEAD"] if method == "get" else []):
                answer = server.request(verb, address, None, headers)
                where = (verb, path, role, answer)
                if role in MAY[o["x-for"]]:
                    assert answer.status in (200, 204, 301, 400, 404), where
                elif is_of_the_page(path):
                    assert (answer.status, answer.body) == (200, page if verb == "GET" else b""), where
                elif role is None:
                    assert answer.status == 401 and answer.headers["www-authenticate"], where
                else:
                    assert answer.status == 403, where
                    assert verb == "HEAD" or role in answer.json["detail"], where
                tried += 1
    assert tried > 150
    assert everything(users) == before


def test_strangers_get_no_answer_about_what_is_there(users):
    """To them a route answers the same whether what it names is there or not, and whatever they send."""
    server = users.server
    for method, path, o in routes(server):
        if o["x-for"] == "all" or "{" not in path:
            continue
        answers = {re.sub(r"\{index\}", "logs", path), re.sub(r"\{index\}", "no", path)}
        answers = {re.sub(r"\{user\}", name, a) for a in answers for name in ("ann", "no")}
        seen = {server.request(method.upper(), re.sub(r"\{\w+\}", "first", a) + q, body).body
                for a in answers for q in ("", "?nosuch=1") for body in (None, "{")}
        assert len(seen) == 1, (method, path, seen)


def test_readers_read_and_writers_write(users):
    server = users.server
    line = '{"message":"hello"}\n'
    logs = "/api/v1/indexes/logs"
    assert server.request("POST", logs + "/logs", line, users.bearer("rob")).status == 403
    sent = server.request("POST", logs + "/logs", line, users.bearer("wes"))
    assert sent.status == 200 and sent.json["accepted"] == 1
    found = server.request("GET", logs + "/search", headers=users.bearer("rob"))
    assert [h["message"] for h in found.json["hits"]] == ["hello"]
    assert server.request("GET", logs + "/search", headers=users.bearer("wes")).status == 403
    me = server.request("GET", "/api/v1/me", headers=users.bearer("wes")).json
    assert me == {"name": "wes", "role": "writer"}
    assert server.request("GET", "/").status == 200  # the page itself, with a login form, holds no logs


# ---- No users yet

def test_without_users_this_machine_is_admin(server):
    assert server.ok("/api/v1/me") == {"name": None, "role": "admin"}
    assert server.ok("/api/v1/users") == {"users": []}
    page = server.request("GET", "/").body
    for headers in ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"},
                    {"X-Forwarded-For": "127.0.0.1", "Authorization": "Bearer x"}, {"X-Forwarded-Host": "x"}):
        for method, path, o in routes(server):
            if o["x-for"] != "all":
                answer = server.request(method.upper(), re.sub(r"\{\w+\}", "x", path), headers=headers)
                refused = answer.body == page if is_of_the_page(path) else answer.status == 401
                assert refused, (method, path, answer)
    assert try_login(server, "ann", "x").status == 401


def test_the_first_user_is_an_admin_and_ends_the_freedom(server):
    for role in ("reader", "writer"):
        answer = server.request("POST", "/api/v1/users", json.dumps({"name": "x", "role": role, "password": "y"}))
        assert answer.status == 400 and "admin" in answer.json["detail"]
    assert server.ok("/api/v1/users") == {"users": []}
    Users(server)
    assert server.get("/api/v1/indexes").status == 401
    assert server.get("/metrics").status == 401
    assert server.get("/health").status == 200 and server.get("/ready").status == 200


@pytest.mark.parametrize("body, word", [
    ({"name": "x"}, "role"), ({"role": "admin"}, "name"), ({"name": "x", "role": "root"}, "root"),
    ({"name": "", "role": "admin"}, "name"), ({"name": "a b", "role": "admin"}, "a b"),
    ({"name": "a/b", "role": "admin"}, "a/b"), ({"name": "x" * 65, "role": "admin"}, "name"),
    ({"name": "x\0", "role": "admin"}, "name"), ({"name": "<b>", "role": "admin"}, "<b>"),
    ({"name": "x", "role": "admin", "password": ""}, "password"), ({"name": "x", "role": "admin", "password": 5}, "password"),
    ({"name": "x", "role": "admin", "password": "x" * 1025}, "password"), ({"name": 5, "role": "admin"}, "name"),
    ({"name": "x", "role": "admin", "nosuch": 1}, "nosuch"),
])
def test_bad_users(server, body, word):
    answer = server.request("POST", "/api/v1/users", json.dumps(body))
    assert answer.status == 400 and word in answer.json["detail"], answer
    assert server.ok("/api/v1/users") == {"users": []}


# ---- Users and tokens

def test_a_users_life(users):
    server = users.server
    made = users.admin("POST", "/api/v1/users", {"name": "eve", "role": "reader"})
    assert made.status == 201 and made.json["has_password"] is False and made.json["tokens"] == []
    assert users.admin("POST", "/api/v1/users", {"name": "eve", "role": "admin"}).status == 409
    for password in ("", "x"):  # she has none
        assert try_login(server, "eve", password).status == 401
    changed = users.admin("PATCH", "/api/v1/users/eve", {"role": "writer", "password": "p"})
    assert changed.status == 200 and changed.json["role"] == "writer" and changed.json["has_password"]
    session = users.login("eve", "p")
    assert users.is_in(session.headers())
    assert users.admin("PATCH", "/api/v1/users/eve", {"name": "bob"}).status == 400
    assert users.admin("PATCH", "/api/v1/users/eve", {}).status == 200
    assert users.is_in(session.headers())
    names = [u["name"] for u in users.admin("GET", "/api/v1/users").json["users"]]
    assert names == ["ann", "eve", "rob", "wes"]
    assert users.admin("DELETE", "/api/v1/users/eve").status == 204
    assert not users.is_in(session.headers())
    assert users.admin("DELETE", "/api/v1/users/eve").status == 404
    assert try_login(server, "eve", "p").status == 401


def test_a_role_changes_at_once(users):
    session = users.login("rob").headers()
    path = "/api/v1/indexes/logs/count"
    assert users.server.request("GET", path, headers=session).status == 200
    assert users.admin("PATCH", "/api/v1/users/rob", {"role": "writer"}).status == 200
    for headers in (session, users.bearer("rob")):
        assert users.server.request("GET", path, headers=headers).status == 403


def test_a_new_password_ends_sessions_but_no_tokens(users):
    session = users.login("rob").headers()
    assert users.admin("PATCH", "/api/v1/users/rob", {"password": "another"}).status == 200
    assert not users.is_in(session) and users.is_in(users.bearer("rob"))
    assert try_login(users.server, "rob", PASSWORDS["rob"]).status == 401
    assert users.is_in(users.login("rob", "another").headers())


def test_a_tokens_life(users):
    tokens = "/api/v1/users/wes/tokens"
    made = users.admin("POST", tokens, {"name": "second"})
    assert made.status == 201 and set(made.json) == {"name", "user", "created", "token"}
    assert re.fullmatch(r"alco_[\w-]{43}", made.json["token"]) and made.headers["cache-control"] == "no-store"
    second = {"Authorization": f"bearer  {made.json['token']}"}
    assert users.is_in(second)
    assert users.admin("POST", tokens, {"name": "second"}).status == 409
    assert users.admin("POST", tokens, {"name": "a b"}).status == 400
    assert users.server.request("POST", tokens, None, users.bearer("ann")).json["name"] == "token-1"
    listed = users.admin("GET", "/api/v1/users/wes").json["tokens"]
    assert [t["name"] for t in listed] == ["first", "second", "token-1"]
    assert all(set(t) == {"name", "created"} for t in listed)
    assert users.admin("DELETE", tokens + "/second").status == 204
    assert not users.is_in(second) and users.is_in(users.bearer("wes"))
    assert users.admin("DELETE", tokens + "/second").status == 404
    assert users.admin("DELETE", "/api/v1/users/nobody/tokens/first").status == 404
    assert users.admin("POST", "/api/v1/users/nobody/tokens", {}).status == 404


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x", "Bearer alco_" + "A" * 43,
                                    "Bearer " + "x" * 5000, "Bearer \u00e4"])
def test_a_wrong_token_is_refused_also_beside_a_good_cookie(users, header):
    session = users.login("ann").headers()
    for more in ({}, session):
        answer = users.server.request("GET", "/api/v1/indexes", headers={"Authorization": header, **more})
        assert answer.status == 401 or (more and header == "Bearer"), answer


def test_a_session_is_no_token_and_a_token_no_session(users):
    session = users.login("ann")
    assert not users.is_in({"Authorization": f"Bearer {session.cookies['alco_session']}"})
    assert not users.is_in({"Cookie": f"alco_session={users.tokens['ann']}"})
    assert not users.is_in({"Authorization": f"Basic {users.tokens['ann']}"})


def test_only_hashes_are_kept(users, tmp_path):
    secrets = [*users.tokens.values(), *PASSWORDS.values()]
    secrets += users.login("ann").cookies.values()
    users.server.stop()
    kept = b""
    for folder, _, names in os.walk(users.server.data):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                kept += f.read()
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in kept
    said = "".join(users.server.lines)
    for secret in secrets:
        assert secret.encode() not in kept and secret not in said


def test_who_follows_is_let_go_with_the_token_or_session(users):
    server = users.server

    def events(response):
        """Messages until the stream ends."""
        while line := response.readline():
            if line.startswith(b"data: ") and b'"message"' in line:
                yield json.loads(line[6:])["message"]

    def send(message):
        line = json.dumps({"message": message}) + "\n"
        assert server.request("POST", "/api/v1/indexes/logs/logs", line, users.bearer("wes")).status == 200

    session = users.login("rob")
    ends = [(users.bearer("rob"), lambda: users.admin("DELETE", "/api/v1/users/rob/tokens/first")),
            (session.cookie(), lambda: server.request("POST", "/api/v1/logout", None, session.headers()))]
    for headers, end in ends:
        connection = server.connect()
        connection.request("GET", "/api/v1/indexes/logs/tail", headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        messages = events(response)
        send("before")
        assert next(messages) == "before"
        assert end().status == 204
        send("behind")
        assert list(messages) == []
        connection.close()


# ---- The last admin

def test_the_last_admin_on_this_machine(users):
    assert users.admin("PATCH", "/api/v1/users/ann", {"role": "reader"}).status == 409
    assert users.admin("DELETE", "/api/v1/users/ann").status == 409  # the others would be locked out
    for name in ("rob", "wes"):
        assert users.admin("DELETE", f"/api/v1/users/{name}").status == 204
    assert users.admin("DELETE", "/api/v1/users/ann").status == 204
    assert users.server.ok("/api/v1/users") == {"users": []}  # as at first


@contextlib.contextmanager
def serving_beyond(data):
    server = Server(data)
    process = subprocess.Popen([ALCO, "serve", "--data", str(data), "--listen", "0.0.0.0:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("alco: ready on http://0.0.0.0:"), line
        server.host, server.port = "127.0.0.1", int(line.rsplit(":", 1)[1])
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
        process.stdout.close()


def test_beyond_this_machine_only_with_an_admin(alco, tmp_path):
    data = tmp_path / "data"
    for more in ([], ["--check-config"]):
        refused = alco("serve", "--data", data, "--listen", "0.0.0.0:0", *more)
        said = f"alco user add NAME --role admin --data {data}".encode()
        assert refused.returncode == 2 and said in refused.stderr and not data.exists()
    assert alco("user", "add", "ann", "--role", "admin", "--data", data, input=b"p\n").returncode == 0
    assert alco("serve", "--data", data, "--listen", "0.0.0.0:0", "--check-config").returncode == 0
    token = alco("user", "token", "ann", "--data", data).stdout.decode().strip()
    headers = {"Authorization": f"Bearer {token}"}
    with serving_beyond(data) as server:
        assert server.get("/api/v1/indexes").status == 401
        assert server.request("GET", "/api/v1/indexes", headers=headers).status == 200
        gone = server.request("DELETE", "/api/v1/users/ann", headers=headers)
        assert gone.status == 409 and "last admin" in gone.json["detail"]
        demoted = server.request("PATCH", "/api/v1/users/ann", '{"role":"reader"}', headers)
        assert demoted.status == 409
        assert server.request("GET", "/api/v1/me", headers=headers).json["role"] == "admin"
    assert alco("user", "drop", "ann", "--data", data).returncode == 0
    assert alco("serve", "--data", data, "--listen", "0.0.0.0:0").returncode == 2


# ---- Sessions

def test_cookies_are_only_as_open_as_needed(users):
    for headers, is_https in (({}, False), ({"X-Forwarded-Proto": "https"}, True),
                              ({"Forwarded": "for=1.2.3.4;proto=https"}, True),
                              ({"Host": "localhost", "Origin": "https://localhost:443"}, True),
                              ({"Host": "localhost", "Origin": "http://localhost:80"}, False),
                              ({"X-Forwarded-Proto": "http"}, False)):
        answer = try_login(users.server, "ann", PASSWORDS["ann"], headers)
        session, csrf = re.split(r", (?=alco_)", answer.headers["set-cookie"])
        for cookie in (session, csrf):
            assert "; Path=/;" in cookie and "; SameSite=Lax" in cookie and "Domain" not in cookie
            assert ("; Secure" in cookie) == is_https
            assert int(re.search(r"Max-Age=(\d+)", cookie)[1]) > 0
        assert session.startswith("alco_session=") and "; HttpOnly" in session
        assert csrf.startswith("alco_csrf=") and "HttpOnly" not in csrf
        assert answer.json["csrf_token"] == csrf.split("=")[1].split(";")[0]
        assert set(answer.json) == {"name", "role", "csrf_token", "expires"}
        assert answer.headers["cache-control"] == "no-store"


def test_what_a_foreign_page_can_send_changes_nothing(users):
    """A browser adds the cookie to it; what is not in the cookie, the page cannot know."""
    session, other = users.login("ann"), users.login("rob")
    body = '{"name":"planted"}'
    cookie = session.cookie()
    for csrf in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": other.cookies["alco_csrf"]},
                 {"X-CSRF-Token": session.cookies["alco_session"]}, {"X-CSRF-Token": session.cookies["alco_csrf"][:-1]}):
        answer = users.server.request("POST", "/api/v1/indexes", body, {**cookie, **csrf})
        assert answer.status == 403 and "X-CSRF-Token" in answer.json["detail"], answer
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        answer = users.server.request("POST", "/api/v1/indexes", body, {**session.headers(), "Origin": origin})
        assert answer.status == 403
    cross = {**session.headers(), "Sec-Fetch-Site": "cross-site"}
    assert users.server.request("POST", "/api/v1/indexes", body, cross).status == 403
    assert users.server.request("POST", "/api/v1/logout", None, cookie).status == 403
    assert users.is_in(cookie)  # reading needs none
    assert len(users.admin("GET", "/api/v1/indexes").json["indexes"]) == 1
    assert users.server.request("POST", "/api/v1/indexes", body, session.headers()).status == 201


@pytest.mark.parametrize("method, path", [("PATCH", "/api/v1/indexes/logs"), ("DELETE", "/api/v1/indexes/logs"),
                                          ("POST", "/api/v1/indexes/logs/logs"), ("DELETE", "/api/v1/users/rob"),
                                          ("POST", "/api/v1/users/rob/tokens"), ("POST", "/api/v1/indexes/logs/search")])
def test_every_method_but_get_needs_the_csrf_token(users, method, path):
    cookie = users.login("ann").cookie()
    assert users.server.request(method, path, "{}", cookie).status == 403


def test_a_foreign_host_is_refused_whoever_asks(users):
    for headers in ({}, users.bearer("ann"), users.login("ann").headers()):
        for path in ("/api/v1/indexes", "/health", "/"):
            answer = users.server.request("GET", path, headers={**headers, "Host": "evil.example"})
            assert answer.status == 421, answer
    assert try_login(users.server, "ann", PASSWORDS["ann"], {"Host": "evil.example"}).status == 421
    assert try_login(users.server, "ann", PASSWORDS["ann"], {"Origin": "http://evil.example"}).status == 403


def test_a_planted_session_never_becomes_good(users):
    planted = {"Cookie": "alco_session=alco_" + "A" * 43}
    session = users.login("ann", headers=planted)
    assert session.cookies["alco_session"] not in planted["Cookie"]
    assert not users.is_in(planted)
    later = users.login("ann", headers=session.headers())  # from the same browser
    assert later.cookies["alco_session"] != session.cookies["alco_session"]
    assert not users.is_in(session.headers()) and users.is_in(later.headers())
    both = {"Cookie": f"{planted['Cookie']}; alco_session={later.cookies['alco_session']}"}
    assert users.is_in(both)


def test_logging_out_ends_the_session_at_the_server(users):
    mine, others = users.login("ann"), users.login("ann")
    answer = users.server.request("POST", "/api/v1/logout", None, mine.headers())
    assert answer.status == 204 and "Max-Age=0" in answer.headers["set-cookie"]
    assert not users.is_in(mine.headers()) and users.is_in(others.headers())
    assert users.server.request("POST", "/api/v1/logout", None, mine.headers()).status == 401
    assert users.server.request("POST", "/api/v1/logout", None, users.bearer("ann")).status == 204
    assert users.is_in(users.bearer("ann"))


def test_sessions_end_after_two_weeks(users, shifted_clock, monkeypatch):
    session = users.login("ann").headers()
    for days, is_good in ((13, True), (15, False), (0, True)):
        users.server.stop()
        with monkeypatch.context() as environment:
            for name, value in shifted_clock(days).items():
                environment.setenv(name, value)
            users.server.start()
        assert users.is_in(session) == is_good
        assert users.is_in(users.bearer("ann"))  # tokens do not end


def test_sessions_and_tokens_survive_restarts_and_crashes(users):
    """What was answered is on disk: killed right behind the answer, it is there; what was ended stays so."""
    for end in (users.server.stop, users.server.kill, users.server.kill):
        session, ended = users.login("rob"), users.login("rob")
        token = users.admin("POST", "/api/v1/users/rob/tokens").json
        bearer = {"Authorization": f"Bearer {token['token']}"}
        assert users.server.request("POST", "/api/v1/logout", None, ended.headers()).status == 204
        end()
        users.server.start()
        assert users.is_in(session.headers()) and users.is_in(bearer) and users.is_in(users.bearer("wes"))
        assert not users.is_in(ended.headers())
        assert users.admin("DELETE", f"/api/v1/users/rob/tokens/{token['name']}").status == 204
        end()
        users.server.start()
        assert not users.is_in(bearer) and users.is_in(session.headers())
        assert users.server.get("/api/v1/indexes").status == 401  # users are still there


# ---- Guessing

def tries_in_a_row(server, interval_s, tries):
    """The answers to tries (dicts of try_login's arguments, of the n-th round) that all came within one
    interval of the limit: on a machine that was too busy for that, once more."""
    for n in range(100):
        begin = time.monotonic()
        answers = [try_login(server, **t) for t in tries(n)]
        if time.monotonic() - begin < interval_s:
            return answers
    raise AssertionError("never in time")


@pytest.mark.parametrize("name", ["ann", "nobody", "x" * 3000])
def test_tries_are_limited_by_name(users, name):
    """As good for a name that is not there: nobody learns which are. From any address."""
    def from_everywhere(n):
        if n:
            users.server.stop()
            users.server.start()  # counts anew
        outside = [{"X-Forwarded-For": f"10.0.0.{i}"} for i in range(12)]
        right = {"name": name, "password": PASSWORDS["ann"], "headers": {"X-Forwarded-For": "10.1.1.1"}}
        return [{"name": name, "password": "wrong", "headers": h} for h in outside] + [right]
    answers = tries_in_a_row(users.server, 10, from_everywhere)
    assert [a.status for a in answers] == [401] * 10 + [429] * 3
    assert 0 < int(answers[-1].headers["retry-after"]) <= 10 and "name" in answers[-1].json["detail"]
    assert try_login(users.server, "rob", PASSWORDS["rob"]).status == 200
    assert users.is_in(users.bearer("ann"))  # who is in stays in


def test_tries_are_limited_by_address(users):
    def from_one(n):
        wrong = [{"name": f"user{i}", "password": "wrong", "headers": {"X-Forwarded-For": f"9.9.9.9, 1.2.{n}.4"}}
                 for i in range(30)]
        return wrong + [{"name": "ann", "password": PASSWORDS["ann"],
                         "headers": {"X-Forwarded-For": f"5.6.7.8, 1.2.{n}.4"}}]
    answers = tries_in_a_row(users.server, 10, from_one)
    assert [a.status for a in answers[:-1]] == [401] * 30
    assert answers[-1].status == 429 and "address" in answers[-1].json["detail"]
    assert try_login(users.server, "ann", PASSWORDS["ann"], {"X-Forwarded-For": "1.2.255.5"}).status == 200
    text = users.server.request("GET", "/metrics", headers=users.bearer("rob")).text
    counts = {how: int(n) for how, n in re.findall(r'alco_logins_total\{how="(\w+)"\} (\d+)', text)}
    assert counts["wrong"] >= 30 and counts["limited"] >= 1 and counts["ok"] >= 2


def test_a_good_password_clears_the_count(users):
    for _ in range(3):
        for _ in range(9):
            assert try_login(users.server, "ann", "wrong", {"X-Forwarded-For": f"10.0.0.{_}"}).status == 401
        users.login("ann")


def test_many_logins_at_once_take_little_memory(users):
    """Each hash takes 19 MiB; they are made one at a time, the rest waits or is told to come again."""
    def peak_mib():
        with open(f"/proc/{users.server.process.pid}/status") as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM"))
    users.login("ann")
    before = peak_mib()
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        tries = [pool.submit(try_login, users.server, f"u{i}", "wrong", {"X-Forwarded-For": f"10.0.{i}.1"})
                 for i in range(100)]
        assert users.is_in(users.bearer("rob"))  # other requests do not wait behind them
        statuses = {t.result().status for t in tries}
    assert statuses <= {401, 503} and 401 in statuses
    assert peak_mib() - before < 2 * 19, (before, peak_mib())


# ---- The command line

def run(users, *args, name="ann", **kwargs):
    return subprocess.run([ALCO, *args, "--server", users.server.url, "--token", users.tokens[name]],
                          capture_output=True, timeout=DEADLINE_S, **kwargs)


def test_users_by_command(users):
    assert run(users, "user", "add", "eve", "--role", "reader", input=b"from a pipe\r\nmore").returncode == 0
    assert users.is_in(users.login("eve", "from a pipe").headers())
    assert run(users, "user", "passwd", "eve", input=b"another\n").returncode == 0
    assert users.is_in(users.login("eve", "another").headers())
    assert run(users, "user", "add", "bot", "--role", "writer", "--no-password", input=b"").returncode == 0
    made = run(users, "user", "token", "bot", "ci")
    token = made.stdout.decode().strip()
    assert made.returncode == 0 and users.is_in({"Authorization": f"Bearer {token}"})
    assert run(users, "user", "set", "bot", "--role", "reader").returncode == 0
    lines = run(users, "user", "list").stdout.decode().splitlines()
    assert [line.split() for line in lines] == [
        ["USER", "ROLE", "PASSWORD", "TOKENS"], ["ann", "admin", "yes", "first"], ["bot", "reader", "no", "ci"],
        ["eve", "reader", "yes"], ["rob", "reader", "yes", "first"], ["wes", "writer", "yes", "first"]]
    listed = json.loads(run(users, "user", "list", "--json").stdout)
    assert listed == users.admin("GET", "/api/v1/users").json
    assert run(users, "user", "token", "bot", "ci", "--drop").returncode == 0
    assert not users.is_in({"Authorization": f"Bearer {token}"})
    assert run(users, "user", "drop", "eve").returncode == 0
    for refused in (run(users, "user", "drop", "eve"), run(users, "user", "list", name="rob"),
                    run(users, "user", "add", "ann", "--role", "admin", input=b"password\n"),
                    run(users, "user", "drop", "ann")):
        assert refused.returncode == 1 and refused.stderr.startswith(b"alco: user: "), refused


@pytest.mark.parametrize("args", [
    [], ["list", "x"], ["add"], ["add", "x"], ["add", "x", "--role", "admin", "y"], ["passwd"], ["drop"],
    ["passwd", "x", "--role", "admin"], ["token"], ["token", "x", "--drop"], ["drop", "x", "--no-password"],
    ["nosuch"], ["add", "x", "--role", "admin", "--password", "y"], ["add", "x", "--role", "admin"], ["passwd", "x"]])
def test_wrong_words(alco, args):
    """The last ones: no password comes."""
    done = alco("user", *args, input=b"")
    assert done.returncode == 2 and done.stderr.startswith(b"alco: user: ") and b"expected" in done.stderr or \
        b"--password" in done.stderr, done


def on_terminal(command, answers):
    """Runs it on a terminal of its own and types each answer behind its prompt; all that was shown."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(command[0], command)

    def read():
        ready, _, _ = select.select([fd], [], [], DEADLINE_S)
        try:
            return os.read(fd, 1000) if ready else b""
        except OSError:  # the other end is closed
            return b""

    shown = b""
    try:
        for prompt, text in answers:
            while prompt not in shown.split(b"\n")[-1]:
                more = read()
                assert more, shown
                shown += more
            os.write(fd, text)
            shown += b"\n"
        while more := read():
            shown += more
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
        os.close(fd)
    return status, shown


def test_a_password_at_the_terminal_is_not_shown(users):
    command = [ALCO, "user", "passwd", "rob", "--server", users.server.url, "--token", users.tokens["ann"]]
    status, shown = on_terminal(command, [(b"New password", b"typed secret\n"), (b"again", b"typed secret\n")])
    assert status == 0 and b"secret" not in shown, shown
    assert users.is_in(users.login("rob", "typed secret").headers())
    status, shown = on_terminal(command, [(b"New password", b"one secret\n"), (b"again", b"two secret\n")])
    assert os.waitstatus_to_exitcode(status) == 2 and b"not the same" in shown and b"secret" not in shown
    status, _ = on_terminal(command, [(b"New password", b"\x03")])  # Ctrl-C
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT
    assert users.is_in(users.login("rob", "typed secret").headers())


def test_a_directory_of_ones_own_needs_no_token(users, alco):
    """Whoever may write its files is its admin: the way in when passwords are lost."""
    users.server.stop()
    data = users.server.data
    assert alco("user", "passwd", "ann", "--data", data, input=b"found again\n").returncode == 0
    assert alco("user", "drop", "rob", "--data", data).returncode == 0
    assert b"ann" in alco("user", "list", "--data", data).stdout
    assert alco("grep", "-c", "x", "--data", data).returncode == 1  # none found, and nobody asked who
    users.server.start()
    assert users.is_in(users.login("ann", "found again").headers())
    assert not users.is_in(users.bearer("rob"))


def test_commands_take_a_token(users, tmp_path):
    lines = tmp_path / "x.log"
    lines.write_text("hello from a file\n")
    env = {**os.environ, "ALCO_SERVER": users.server.url}
    def with_token(name, *args):
        return subprocess.run([ALCO, *args], capture_output=True, timeout=DEADLINE_S,
                              env={**env, **({"ALCO_TOKEN": users.tokens[name]} if name else {})})
    sent = with_token("wes", "import", "--index", "logs", str(lines))
    assert sent.returncode == 0, sent
    for name, status in (("rob", 0), ("ann", 0), ("wes", 2), (None, 2)):
        found = with_token(name, "grep", "hello", "logs")
        assert found.returncode == status, (name, found)
        assert (found.stdout == b"hello from a file\n") == (status == 0)
    assert with_token("rob", "tail", "-n", "1", "logs").stdout.endswith(b"hello from a file\n")
    assert with_token("rob", "import", "--index", "logs", str(lines)).returncode != 0
    assert with_token("rob", "index", "list").returncode == 0
    assert with_token("rob", "index", "create", "x").returncode == 1
