"""Goal: `alco grep` answers as GNU grep does over the same lines, byte for byte and in its exit
status, and never passes off a part for the whole. Method: generated command lines run by both; a
proxy that loses what proxies lose; a terminal. ALCO_SEED repeats a run."""
import http.client
import http.server
import json
import os
import random
import re
import subprocess
import threading

import pytest

from conftest import ALCO
from test_cli import on_terminal

LINES = [
    "connection refused by 10.0.0.1:5432", "Connection  refused", "took 1734ms", "a.b*c [x] {1,2}",
    "GET /path/to/file?x=1 200", "error: (nested (parens))", "tab\there", "dollar $5 ^caret",
    "back\\slash", "ünïcode Ошибка", "", "word wordy sword", "aaa", "ab|cd", "plus+plus?", "a_b a-b", "",
    "x", "aab aabb", "ctl \x01\x02 \x1b[31m", "emoji 😀 end", "trailing space ", " leading",
    "ERROR error Error", "a\\{2", "+", "*", "aa aa aa", "a{2,1} a{,x", "()", "[:alpha:]",
]
GREP_ENV = {**os.environ, "LC_ALL": "C.UTF-8", "GREP_COLORS": ""}


@pytest.fixture(scope="module")
def lines_file(tmp_path_factory):
    directory = tmp_path_factory.mktemp("grep")
    (directory / "logs").write_text("".join(line + "\n" for line in LINES))
    return directory


@pytest.fixture
def filled(server):
    server.send("logs", [{"@timestamp": 1_700_000_000 + i // 4, "message": line}
                         for i, line in enumerate(LINES)])
    return server


def both(directory, server, args):
    expected = subprocess.run(["grep", "-a", *args, "logs"], cwd=directory, capture_output=True,
                              env=GREP_ENV, check=False)
    got = subprocess.run([ALCO, "grep", "--server", server.url, *args, "logs"], capture_output=True,
                         check=False)
    return (expected.returncode, expected.stdout), (got.returncode, got.stdout)


ATOMS = ["a", "b", "re", "refused", "[0-9]", "[a-f]*", ".", ".*", "\\(a\\)", "(a|b)", "(", ")", "*", "+",
         "?", "\\.", "^", "$", "|", "\\|", "\\+", " ", "x", "\\{2\\}", "{2}", "o", "e", "\\w", "\\W",
         "\\<", "\\>", "[[:alpha:]]", "[^a-z]", "rr*", "er\\?", "aa", "\\s", "\\S", "ошибка", "\t", "-",
         "\\{2", "{1", "a{2", "\\1", "[", "]", "[a", "\\", "a{2,1}", "a\\{,2\\}", "{,2}", "[[.a.]]"]
FLAGS = [["-c"], ["-l"], ["-L"], ["-m1"], ["-m3"], ["-o"], ["-w"], ["-x"], ["-v"], ["-i"], ["-n"], ["-A1"],
         ["-B1"], ["-C2"], ["-q"], ["-h"], ["-H"], ["-m0"], ["-A2", "-B1"], ["-e", "aa"], ["-e", "x"]]
# What GNU grep 3.8 answers by an accident of its own: repeated places, and a brace where there is
# nothing to repeat.
ODD = re.compile(r"\\[<>](\\?[*+?{]|\\<|\\>)|^\{2}|\|\{2}|\(\{2}")


def command_lines(rng):
    while True:
        pattern = "".join(rng.choice(ATOMS) for _ in range(rng.randrange(4)))
        flags = [f for x in rng.sample(FLAGS, rng.randrange(4)) for f in x]
        if ODD.search(pattern) or ("-v" in flags and "-o" in flags):
            continue
        yield [rng.choice(["-G", "-E", "-F"]), *flags, "-e", pattern]


def test_generated_command_lines(filled, lines_file):
    seed = int(os.environ.get("ALCO_SEED", 20261122))
    print("seed", seed)
    cases = command_lines(random.Random(seed))
    for _ in range(300):
        args = next(cases)
        expected, got = both(lines_file, filled, args)
        assert got == expected, args


@pytest.mark.parametrize("args", [
    ["-E", "+"], ["-E", "*"], ["-E", "?a"], ["-E", "{2}a"], ["-E", "a{2,1}"], ["-E", "a{x"], ["-E", "a{,x"],
    ["-E", "a{,}"], ["-E", "a{99999}"], ["-E", "a**"], ["-E", "a*+"], ["-E", "a+?"], ["-E", "a{1}{2}"],
    ["-E", "(*a)"], ["-E", "b|*a"], ["-E", "^*"], ["-E", "()"], ["-E", "(|a)"], ["-E", "a)"], ["-E", "("],
    ["-E", "(?i)A"], ["-E", "(a)\\2"], ["-E", "(a)\\10"], ["-E", "\\1(a)"], ["-E", "[[:foo:]]"], ["-E", "[:alpha:]"],
    ["-E", "[b-a]"], ["-E", "[]"], ["-E", "[[.a.]]"], ["-E", "[[=a=]]b"], ["-E", "[[.space.]]"], ["-E", "\\"],
    ["a\\{2"], ["a\\{x\\}"], ["a\\{2,1\\}"], ["a\\{2\\}"], ["\\+"], ["\\{2\\}"], ["\\(*a\\)"], ["b\\|\\+a"], ["^*"],
    ["\\)"], ["\\(^a\\)"], ["a\\(^b\\)"], ["x\\|^"], ["a*\\{2\\}"], ["\\(a*\\)*"], ["-w", "аб"], ["-w", "Ошибка"],
    ["\\bОшибка\\b"], ["-i", "ОШИБКА"], ["-P", "\\w+ü"], ["-o", "\\w\\+"], ["-on", "a"], ["-c", "-n", "a"],
    ["-n", "-v", "e"], ["-n", "-C1", "aaa"], ["-n", "-m2", "e"], ["-nH", "x"], ["-l", "-L", "a"], ["-L", "-l", "a"],
    ["-m0", "a"], ["-m0", "-L", "a"], ["-m0", "-c", "a"], ["-m-1", "a"], ["-m0", "[a"], ["-o", "-e", "x", "-e", ""],
    ["--color=always", "-n", "e"], ["--color=always", "-nC1", "aaa"],
])
def test_particular_command_lines(filled, lines_file, args):
    expected, got = both(lines_file, filled, args)
    assert got == expected


@pytest.mark.parametrize("text", [b"", b"\n", b"aaa\nx\n", b"aaa\n\n", b"nothing here", "Ошибка\n".encode()])
def test_patterns_from_files(filled, lines_file, tmp_path, text):
    (tmp_path / "patterns").write_bytes(text)
    for more in ([], ["-v"], ["-x"], ["-c"], ["-F", "-w"], ["-e", "took"]):
        args = [*more, "-f", str(tmp_path / "patterns")]
        expected, got = both(lines_file, filled, args)
        assert got == expected, args


def test_bytes_that_are_no_text(server):
    """Messages come as JSON, in which bad UTF-8 is U+FFFD: found as such, never as something else."""
    server.send("logs", [b'{"message":"bad \xff\xfe byte"}', b'{"message":"nul \\u0000 byte"}', '{"message":"good"}'])
    run = lambda *args: subprocess.run([ALCO, "grep", "--server", server.url, *args, "logs"],
                                       capture_output=True, check=False).stdout
    assert run("-F", "byte") == "bad \ufffd\ufffd byte\nnul \0 byte\n".encode()
    assert run("-c", "bad . byte") == b"0\n"
    assert run("-c", "nul . byte") == b"1\n"
    assert run("-v", "byte") == b"good\n"


def test_numbers_over_pages_and_late_records(server, tmp_path):
    """-n counts every record of the index, whatever the query, the time range and the order of arrival."""
    rng = random.Random(7)
    rows = [(1_600_000_000 + rng.choice((rng.randrange(3), rng.randrange(10 ** 8))), i) for i in range(4000)]
    rows += [(1_650_000_000, 4000 + i) for i in range(2500)]
    for begin in range(0, len(rows), 1300):
        server.send("logs", [{"@timestamp": t, "message": f"row {i} {'needle' if i % 7 == 0 else ''}"}
                             for t, i in rows[begin:begin + 1300]])
    run = lambda *args: subprocess.run([ALCO, "grep", "--server", server.url, *args, "logs"],
                                       capture_output=True, check=True).stdout
    everything = run("").splitlines()
    assert len(everything) == len(rows)
    expected = [b"%d:%s" % (i + 1, line) for i, line in enumerate(everything) if b"needle" in line]
    assert run("-n", "needle").splitlines() == expected
    recent = run("-n", "--since", "1640000000", "needle").splitlines()
    assert recent == expected[-len(recent):] and 0 < len(recent) < len(expected)
    (tmp_path / "logs").write_bytes(b"".join(line + b"\n" for line in everything))
    for args in (["-nA2", "row 399 "], ["-nC3", "-m4", "needle"], ["-nv", "row"], ["-n", "row 6499 "]):
        ours = subprocess.run([ALCO, "grep", "--server", server.url, *args, "logs"], capture_output=True,
                              check=False)
        theirs = subprocess.run(["grep", *args, "logs"], cwd=tmp_path, capture_output=True, check=False)
        assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, b"")


def test_numbers_from_the_first_second_on(server):
    """There is no second in front of which records could be counted."""
    server.send("logs", [{"@timestamp": "1970-01-01T00:00:0%dZ" % i, "message": "row %d" % i} for i in range(5)])
    ours = subprocess.run([ALCO, "grep", "--server", server.url, "-n", "row", "logs"], capture_output=True,
                          check=False)
    assert (ours.stdout, ours.stderr) == (b"".join(b"%d:row %d\n" % (i + 1, i) for i in range(5)), b"")


def rows_for_context(name, n, rng):
    """Hits in runs, near to each other, in one stretch only, and so few that grep must jump to them.
    Bursts of one time and pauses of a day: the distance in time tells little of the rows between."""
    time = 1_600_000_000
    for i in range(n):
        words = ["dense" if i % 40 < 3 else "quiet"]
        if i in (5, 6, 9, 2_000, n // 2, n // 2 + 2, n - 1):
            words.append("rare")
        if n // 3 < i < n // 2 and i % 7 == 0:
            words.append("patch")
        if i % 1_300 == 1_100:
            words.append("far")
        time += rng.choice((0, 0, 0, 1, 60)) if i % 3_000 else 90_000
        yield {"@timestamp": time, "message": f"{name} {i} {' '.join(words)} {rng.randrange(10)}"}


def test_rows_around_hits_of_any_density(server, tmp_path):
    rng = random.Random(11)
    for name, n in (("one", 16_000), ("two", 3_000)):
        rows = list(rows_for_context(name, n, rng))
        server.create(name)
        for begin in range(0, n, 5_000):
            server.send(name, rows[begin:begin + 5_000])
        (tmp_path / name).write_text("".join(row["message"] + "\n" for row in rows))
    compare = lambda args, source: (
        [subprocess.run([*command, *args, "one", "two"], cwd=tmp_path, capture_output=True, env=GREP_ENV,
                        check=False) for command in (["grep"], [ALCO, "grep", *source])])
    cases = [[flags, pattern] for pattern in ("dense", "rare", "patch", "far", "8000 ", "nothing", "")
             for flags in ("-C1", "-C2", "-A3", "-B20")]
    cases += [["-C18", "dense"], ["-C19", "dense"], ["-A37", "dense"], ["-B36", "dense"], ["-vC1", "quiet"],
              ["-A1000", "-B2", "rare"], ["-C901", "rare"], ["-B999", "rare"], ["-B1000", "rare"],
              ["-B1001", "-A1001", "rare"], ["-B4500", "-m4", "-A1", "rare"], ["-B6000", "one 8002 "],
              ["-A2147483647", "-m1", "far"], ["-B2147483647", "far"], ["-C2147483647", "one 8000 "],
              ["-C2", "-m3", "dense"], ["-m1", "-A9", "dense"], ["-nC2", "rare"], ["-oC1", "patch"], ["-hB1", "far"],
              ["-C0", "rare"], ["-C0", "dense"], ["-A0", "-B0", "far"], ["-1", "-e", "rare", "-e", "patch"],
              ["--color=always", "-C1", "rare"], ["-cC3", "dense"], ["-lA1", "rare"]]
    for args in cases:
        theirs, ours = compare(args, ["--server", server.url])
        assert (ours.returncode, ours.stderr) == (theirs.returncode, b""), args
        assert ours.stdout == theirs.stdout, args
    huge = subprocess.run([ALCO, "grep", "--server", server.url, "-C9999999999", "rare", "two"], capture_output=True,
                          check=True)
    assert huge.stdout == (tmp_path / "two").read_bytes()
    server.stop()
    for args in (["-C2", "rare"], ["-B1200", "far"], ["-C1", "dense"]):
        theirs, ours = compare(args, ["--data", server.data])
        assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, b""), args


def test_time_and_query_choose_hits_and_not_the_rows_around(server, alco):
    server.send("logs", [{"@timestamp": 1_700_000_000 + i, "message": f"row {i}", "even": i % 2 == 0}
                         for i in range(3_000)])
    run = lambda *args: alco("grep", "--server", server.url, *args, "logs").stdout.decode().split("\n")[:-1]
    row = lambda *numbers: [f"row {i}" for i in numbers]
    assert run("-B1", "--since", "1700001000", "--until", "1700001003", "--where", "even:true", "row") == \
        row(999, 1000, 1001, 1002)
    assert run("-A2", "--until", "1700000001", "row") == row(0, 1, 2)
    assert run("-B1500", "--since", "1700002998", "--where", "even:true", "row") == row(*range(1498, 2999))
    assert run("-A1400", "--until", "1700000001", "row") == row(*range(1401))


def test_context_says_what_lies_further_out(server):
    server.send("logs", [{"@timestamp": 1_700_000_000 + i, "message": f"row {i}"} for i in range(30)])
    ids = [h["id"] for h in server.get("/api/v1/indexes/logs/search?order=asc").json["hits"]]
    look = lambda i, before, after: server.get(
        f"/api/v1/indexes/logs/context?id={ids[i]}&before={before}&after={after}").json
    page = lambda cursor, limit=100: [h["id"] for h in server.get(
        f"/api/v1/indexes/logs/search?order=asc&limit={limit}&cursor={cursor}").json["hits"]]
    around = look(10, 2, 3)
    assert page(around["prev"]) == ids[:8] and page(around["prev"], 3) == ids[5:8]
    assert page(around["next"]) == ids[14:]
    alone = look(10, 0, 0)
    assert page(alone["prev"]) == ids[:10] and page(alone["next"]) == ids[11:]
    whole = look(10, 11, 20)
    assert whole["prev"] is None and whole["next"] is None

class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes bodies on and loses trailers, as most do; `cut` of them it breaks off."""
    protocol_version = "HTTP/1.1"
    upstream = None
    cut = False

    def do_GET(self):
        connection = http.client.HTTPConnection(*self.upstream)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection.request(self.command, self.path, body, {"Content-Type": self.headers.get("Content-Type", "")})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type"))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if data else b"")
        if self.cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    do_POST = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def proxy(filled):
    handler = type("Proxy", (Proxy,), {"upstream": (filled.host, filled.port)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as it:
        thread = threading.Thread(target=it.serve_forever)
        thread.start()
        yield it, handler
        it.shutdown()
        thread.join()


def test_a_lost_trailer_is_said(proxy, alco):
    it, handler = proxy
    url = f"http://127.0.0.1:{it.server_port}"
    done = alco("grep", "--server", url, "aaa", "logs")
    assert done.returncode == 0 and done.stdout == b"aaa\n"
    assert b"logs: warning: whether this is all could not be told" in done.stderr
    none = alco("grep", "--server", url, "-L", "nothing like this", "logs")
    assert none.stdout == b"logs\n" and b"could not be told" in none.stderr
    for flags in (["-c"], ["-C1"], ["-n"], ["-l"]):  # answers that say it in their body, or need not
        assert alco("grep", "--server", url, *flags, "aaa", "logs").stderr == b""
    handler.cut = True
    broken = alco("grep", "--server", url, "aaa", "logs")
    assert broken.returncode == 2 and broken.stdout == b"aaa\n" and b"warning" not in broken.stderr


def test_json_on_a_terminal_stays_json_and_harmless(server):
    evil = "evil \x9b31m \x7f \x1b]0;t\x07 ä"
    server.send("logs", [{"message": evil, "a\x9bb": evil}])
    seen, status = on_terminal("grep", "--server", server.url, "--json", "evil")
    assert status == 0 and json.loads(seen)["message"] == evil
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", seen.decode())
    piped = subprocess.run([ALCO, "grep", "--server", server.url, "--json", "evil"], capture_output=True,
                           check=True).stdout
    assert "\x9b" in piped.decode() and json.loads(piped)["message"] == evil
    for args in (["field", "list", "logs"], ["field", "list", "logs", "--json"]):
        seen, status = on_terminal(*args, "--server", server.url)
        assert status == 0 and "\x9b" not in seen.decode()


def test_times_as_people_write_them(server, alco):
    server.send("logs", [{"@timestamp": "2026-11-22T09:59:59Z", "message": "before"},
                         {"@timestamp": "2026-11-22T10:00:00Z", "message": "at"},
                         {"message": "now"}])
    run = lambda *args: alco("grep", "--server", server.url, *args, "", "logs")
    assert run("--since", "2026-11-22 10:00", "--until", "2026-11-22 10:01").stdout == b"at\n"
    assert run("--since", "2026-11-22 11:00+01:00", "--until", "2026-11-22T10:00:00.5Z").stdout == b"at\n"
    assert run("--since", "2026-11-22", "--until", "2026-11-22 10:00").stdout == b"before\n"
    assert b"now" in run("--since", "yesterday").stdout and b"now" in run("--since", "-15m").stdout
    assert run("--since", "today", "--until", "now").returncode in (0, 1)
    for bad in ("gestern", "25:00", "2026-13-01", "15m", "todayish", "10:0", ""):
        done = run("--since", bad)
        assert done.returncode == 2 and b"expected a time such as" in done.stderr, bad


def test_a_token_with_a_line_end_is_refused(server, alco):
    for token in ("a\r\nX-Evil: 1", "a b", "ä", "x" * 600):
        done = alco("grep", "--server", server.url, "--token", token, "x")
        assert done.returncode == 2 and b"token: expected" in done.stderr
    assert alco("grep", "--server", server.url + "/ x", "x").returncode == 2
