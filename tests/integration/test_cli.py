"""Goal: the commands do what their help says, with grep's meaning and exit statuses. Method: real
processes, over HTTP and on a directory that no server owns; grep itself is the reference."""
import gzip
import http.server
import json
import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import threading

import pytest

from conftest import ALCO, wait_for

LINES = [
    "connection refused by 10.0.0.1:5432", "Connection  refused", "took 1734ms", "a.b*c [x] {1,2}",
    "GET /path/to/file?x=1 200", "error: (nested (parens))", "tab\there", "dollar $5 ^caret",
    "back\\slash", "ünïcode Ошибка", "", "word wordy sword", "aaa", "ab|cd", "plus+plus?",
]


@pytest.fixture
def filled(server):
    server.send("logs", [{"@timestamp": 1_700_000_000 + i, "message": line, "i": i}
                         for i, line in enumerate(LINES)])
    return server


def run_grep(pattern_args, lines=LINES):
    """grep over the same lines as a file."""
    text = "".join(line + "\n" for line in lines)
    return subprocess.run(["grep", *pattern_args], input=text.encode(), capture_output=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)


@pytest.mark.parametrize("args", [
    ["refused"], ["-i", "REFUSED"], ["-F", "a.b*c"], ["a.b*c"], ["-E", "took [0-9]{4}ms"],
    ["took [0-9]\\{4\\}ms"], ["-c", "refused"], ["-v", "o"], ["-vc", "o"], ["-w", "word"],
    ["-x", "aaa"], ["-x", "aa"], ["-o", "[0-9]\\+"], ["-oE", "[a-z]+ed"], ["-m", "2", "e"],
    ["-m1", "e"], ["-F", "("], ["-E", "\\(nested"], ["(nested (p"], ["-E", "ab\\|cd|took"],
    ["ab|cd"], ["ab\\|aaa"], ["-F", "/path/to"], ["/path/to"], ["\\/path"], ["[[:digit:]]\\{4\\}"],
    ["[]x]"], ["[^a-z ]"], ["\\$5"], ["$5"], ["^c"], ["s$"], ["\\^caret"], ["a^"], ["*c"], ["\\\\"],
    ["-F", "\\"], ["[\\]s"], ["Ошибка"], ["-i", "ошибка"], ["-e", "aaa", "-e", "took"], ["aaa\ntook"],
    ["\\(a\\)\\1"], ["-E", "(a)\\1"], ["-P", "(?<=took )\\d+"], ["-E", "plus\\+"], ["plus+"],
    ["plus\\?"], ["-E", "a+"], [""], ["-v", ""], ["-c", ""], ["nothing like this"], ["\\bword\\b"],
    ["\\<word\\>"], ["-q", "aaa"], ["-F", "Connection  refused"], ["-F", "connection  refused"],
    ["\\.b"], ["{1,2}"], ["-E", "\\{1,2\\}"], ["tab\there"], ["-h", "aaa"], ["-E", "^(G|t)"],
    ["-o", "a"], ["-oE", "[0-9]{2}"], ["-o", "."], ["-oi", "-e", "E", "-e", "r"], ["-E", "a{,2}b"],
    ["a\\{,2\\}b"], ["--color=always", "e"], ["--colour=always", "-o", "e"], ["-y", "REFUSED"],
    ["--ignore-case", "--count", "REFUSED"], ["--regexp=aaa"], ["--fixed-strings", "a.b*c"],
    ["--extended-regexp", "a|b"], ["--basic-regexp", "a\\|b"], ["--perl-regexp", "\\d"],
    ["--invert-match", "o"], ["--word-regexp", "word"], ["--line-regexp", "aaa"], ["--max-count=2", "e"],
    ["--only-matching", "re"], ["--quiet", "aaa"], ["--no-filename", "aaa"], ["--text", "aaa"],
    ["-a", "aaa"], ["--line-buffered", "aaa"],
    ["-A1", "aaa"], ["-B1", "took"], ["-C1", "e"], ["-2", "^c"], ["-A", "3", "-m1", "e"], ["-A0", "a"],
    ["-C1", "-m2", "e"], ["-vC1", "e"], ["-oA1", "re"], ["-cA1", "e"], ["-qA1", "e"], ["-C30", "aaa"],
    ["--context=1", "--color=always", "aaa"],
    ["--before-context=2", "aaa"], ["--after-context=2", "aaa"], ["-C1", "nothing like this"], ["--no-messages", "aaa"],
])
def test_grep_is_grep(filled, alco, args):
    # grep does not count an empty match as something to print for -o; ours neither.
    expected = run_grep(args)
    got = alco("grep", "--server", filled.url, *args, "logs")
    assert got.stderr == b""
    assert got.stdout == expected.stdout and got.returncode == expected.returncode


def test_grep_random_patterns_against_grep(filled, alco):
    """Patterns made of pieces of the lines and of operators; what grep refuses is left out."""
    seed = int(os.environ.get("ALCO_SEED", 20261122))
    print("seed", seed)
    rng = random.Random(seed)
    pieces = ["a", "b", "re", "refused", "[0-9]", "[a-f]*", ".", ".*", "\\(", "\\)", "(", ")", "*",
              "+", "?", "\\.", "^", "$", "|", "\\|", "\\+", " ", "x", "\\{2\\}", "{2}", "o"]
    tried = 0
    while tried < 60:
        pattern = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 6)))
        flag = rng.choice(["-G", "-E"])
        expected = run_grep([flag, "-e", pattern])
        # Undefined in POSIX, and read in different ways: repetition of nothing or of a repetition.
        if expected.returncode == 2 or expected.stderr or re.search(
                r"[*+?}]\\?[*+?{]|(^|[(|^])\\?[*+?{]|\(\\?\)|\|\\?\||\|$|[(|]\\?$|(^|\()\\?\||\|\)|[$^][*+?{\\]",
                pattern):
            continue
        tried += 1
        got = alco("grep", "--server", filled.url, flag, "-e", pattern, "logs")
        assert (got.returncode, got.stdout, got.stderr) == (expected.returncode, expected.stdout, b""), \
            (flag, pattern)


def test_grep_several_indexes(server, alco):
    server.create("web")
    server.send("logs", [{"message": "one needle"}])
    server.send("web", [{"message": "two needle"}, {"message": "three needle"}])
    run = lambda *args: alco("grep", "--server", server.url, *args)
    assert run("needle").stdout == b"logs:one needle\nweb:two needle\nweb:three needle\n"
    assert run("-c", "needle").stdout == b"logs:1\nweb:2\n"
    assert run("-c", "needle", "web").stdout == b"2\n"
    assert run("-H", "one", "logs").stdout == b"logs:one needle\n"
    assert run("-h", "needle", "logs", "web").stdout.startswith(b"one needle\ntwo")
    assert run("-l", "two").stdout == b"web\n"
    assert run("-L", "two").stdout == b"logs\n"
    hits = [json.loads(x) for x in run("--json", "needle").stdout.splitlines()]
    assert [h["index"] for h in hits] == ["logs", "web", "web"]
    assert run("-n", "needle").stdout == b"logs:1:one needle\nweb:1:two needle\nweb:2:three needle\n"
    missing = run("x", "nothere")
    assert missing.returncode == 2 and b"nothere" in missing.stderr


def test_grep_colours_names_as_grep(server, alco, tmp_path):
    server.create("web")
    for name in ("logs", "web"):
        server.send(name, [{"message": "a needle"}])
        (tmp_path / name).write_text("a needle\n")
    for flags in (["needle"], ["-c", "needle"], ["-l", "needle"], ["-oH", "ne"]):
        args = ["--color=always", *flags, "logs", "web"]
        expected = subprocess.run(["grep", *args], cwd=tmp_path, capture_output=True, check=True,
                                  env={**os.environ, "GREP_COLORS": ""})
        assert alco("grep", "--server", server.url, *args).stdout == expected.stdout, flags


def test_what_to_do_is_said(filled, alco, tmp_path):
    missing = alco("import", "--server", filled.url, "--index", "nosuch", "-", input=b"one\n")
    assert missing.returncode == 1 and b"alco index create nosuch" in missing.stderr
    away = alco("grep", "--server", "http://127.0.0.1:1", "x")
    assert away.returncode == 2 and b"alco serve" in away.stderr
    owned = alco("grep", "--data", filled.data, "x")
    assert owned.returncode == 2 and b"--server" in owned.stderr


def test_grep_missing_index(filled, alco):
    loud = alco("grep", "--server", filled.url, "aaa", "logs", "nosuch")
    quiet = alco("grep", "--server", filled.url, "-s", "aaa", "logs", "nosuch")
    assert loud.returncode == quiet.returncode == 2 and loud.stdout == quiet.stdout
    assert b"nosuch" in loud.stderr and quiet.stderr == b""


def test_grep_since_until_where(filled, alco):
    run = lambda *args: alco("grep", "--server", filled.url, *args, "logs").stdout.decode()
    assert run("--since", "1700000001", "--until", "1700000003", "-c", "") == "2\n"
    assert run("--where", "i=2", "") == "took 1734ms\n"
    assert run("--where", "i=2 OR i=12", "a") == "aaa\n"
    filled.create("other")
    for args, words in ((["logs", "other"], [b"column"]), (["logs", "nope", "other"], [b"column", b"nope", b"column"])):
        bad = alco("grep", "--server", filled.url, "--where", "@a=", "x", *args)
        assert bad.returncode == 2 and bad.stdout == b""
        told = bad.stderr.splitlines()
        assert len(told) == len(words), told  # the same of each index is said once
        assert all(word in line for word, line in zip(words, told)), told
    bad = alco("grep", "--server", filled.url, "--since", "gestern", "x", "logs")
    assert bad.returncode == 2 and b"gestern" in bad.stderr


def test_grep_looks_into_text_fields(server, alco):
    server.send("logs", [{"message": "boom", "exc_info": "Traceback\nKeyError: 'id'", "other": "KeyError"},
                         {"message": "fine", "other": "KeyError"}])
    assert alco("grep", "--server", server.url, "KeyError").stdout == b"boom\n"


@pytest.mark.parametrize("flags", [[], ["-c"], ["-q"], ["-l"], ["-L"], ["-C1"], ["-o"]])
def test_grep_says_what_is_missing(server, alco, flags):
    """A search that gave up is an error, never "nothing was found"."""
    server.send("logs", [{"message": "a" * 60 + "!"}])
    endless = alco("grep", "--server", server.url, *flags, "-P", "(a+)+$", "logs")
    assert endless.returncode == 2, endless
    assert b"logs: the answer is not complete: " in endless.stderr
    assert endless.stdout == (b"0\n" if flags == ["-c"] else b"")


def test_grep_with_hits_says_what_is_missing(server, alco):
    server.send("logs", [{"message": "a" * 60 + "!"}, {"message": "aaa"}])
    run = lambda *flags: alco("grep", "--server", server.url, *flags, "-P", "(a+)+$", "logs")
    some = run()
    assert (some.returncode, some.stdout) == (2, b"aaa\n")
    assert b"logs: the answer is not complete: " in some.stderr
    assert run("-q").returncode == 0  # one was found, and no more was asked
    assert run("-l").stdout == b"logs\n"


def test_grep_errors(alco, server):
    assert alco("grep").returncode == 2
    assert alco("grep", "--nonsense", "x").returncode == 2
    assert alco("grep", "--server", "http://127.0.0.1:1", "x").returncode == 2
    assert alco("grep", "--server", server.url, "\\(", "logs").returncode == 2
    assert alco("grep", "--server", server.url, "-P", "(", "logs").returncode == 2
    assert alco("grep", "-m", "x", "y").returncode == 2


def test_grep_stops_quietly_when_its_reader_does(server, alco):
    for _ in range(4):
        server.send("logs", [{"message": f"{i} " + "x" * 2000} for i in range(5000)])
    grep = subprocess.Popen([ALCO, "grep", "--server", server.url, "x"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    first = grep.stdout.readline()
    grep.stdout.close()
    assert first.startswith(b"0 x")
    assert grep.wait(60) in (-signal.SIGPIPE, 2)
    assert grep.stderr.read() == b""
    grep.stderr.close()
    assert alco("grep", "--server", server.url, "-c", "x").stdout == b"20000\n"


def test_import(server, alco, tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"message": f"m{i}"}) + "\n" for i in range(500)))
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(b'raw "one"\n\\two\t\n\nthree \xff'))
    done = alco("import", "--server", server.url, tmp_path / "a.jsonl", tmp_path / "b.log.gz")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"503 records imported into logs\n"
    assert server.api("logs", "count", q="/^m[0-9]+$/")["count"] == 500
    assert {h["message"] for h in server.api("logs", "search", q="-/^m/", limit=10)["hits"]} == \
        {'raw "one"', "\\two\t", "three \ufffd"}
    assert server.api("logs", "count", q="parse_error=*")["count"] == 0
    done = alco("import", "--server", server.url, "--format", "jsonl", "-", input=b'{"message":"in"}')
    assert done.returncode == 0 and server.api("logs", "count", q='"in"')["count"] >= 1
    for args, word in ((["--format", "sislog", "x"], b"syslog"), (["--index", "no", "-"], b"no"),
                       (["/nothere"], b"nothere"), ([], b"FILE")):
        bad = alco("import", "--server", server.url, *args, input=b"x\n")
        assert bad.returncode != 0 and word in bad.stderr


def test_import_shows_its_progress_on_a_terminal(server, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"message":"m"}\n' * 100_000)
    ours, theirs = pty.openpty()
    process = subprocess.Popen([ALCO, "import", "--server", server.url, str(tmp_path / "a.jsonl")],
                               stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0
    assert b"100%" in shown and b"####" in shown and b"100000 records" in shown


def test_import_waits_for_a_server_that_is_full(make_server, alco, tmp_path):
    server = make_server("--min-free", "1000000TB")
    (tmp_path / "a.log").write_text("line\n")
    process = subprocess.Popen([ALCO, "import", "--server", server.url, str(tmp_path / "a.log")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"waiting" in process.stderr.readline()
    process.kill()
    process.communicate()


def test_index_and_field(server, alco):
    run = lambda *args: alco(*args, "--server", server.url)
    assert run("index", "create", "web", "--intervals", "7", "--max-bytes", "1GiB", "--durable", "yes",
               "--text-fields", "a,b").returncode == 0
    index = server.ok("/api/v1/indexes/web")
    assert index["intervals"] == 7 and index["max_bytes"] == 1 << 30 and index["durable"]
    assert index["text_fields"] == ["a", "b"]
    assert run("index", "set", "web", "--intervals", "8").returncode == 0
    assert server.ok("/api/v1/indexes/web")["intervals"] == 8
    listed = run("index", "list").stdout.decode().splitlines()
    assert listed[1].startswith("logs ") and listed[2].startswith("web ")
    assert len(json.loads(run("index", "list", "--json").stdout)["indexes"]) == 2
    server.send("web", [{"message": "x", "host": "h"}])
    assert run("index", "compact", "web").returncode == 0
    assert run("field", "list", "web").stdout.split() == [b"host", b"filtered", b"display"]
    assert run("field", "set", "web", "host", "--filtered", "no", "--context", "yes").returncode == 0
    assert run("field", "list", "web").stdout.split() == [b"host", b"display", b"context"]
    server.send("web", [{"message": "x", "a": "1", "b/c": "2"}])
    assert run("field", "set", "web", "a", "b/c", "host", "--context", "no", "--indexed", "yes").returncode == 0
    flags = {f["name"]: (f["context"], f["indexed"]) for f in server.ok("/api/v1/indexes/web/fields")["fields"]}
    assert flags == {"a": (False, True), "b/c": (False, True), "host": (False, True)}
    failed = run("field", "set", "web", "a", "nosuch", "host", "--context", "yes")
    assert failed.returncode == 1 and b"nosuch" in failed.stderr
    flags = {f["name"]: f["context"] for f in server.ok("/api/v1/indexes/web/fields")["fields"]}
    assert flags == {"a": True, "b/c": False, "host": False}
    assert run("index", "drop", "web").returncode == 0
    for args in (["index", "drop", "web"], ["index", "create", "a b"], ["field", "list", "web"],
                 ["index", "create", "x", "--intervals", "0"]):
        failed = run(*args)
        assert failed.returncode == 1 and failed.stderr.startswith(b"alco: ")
    for args in (["index"], ["index", "frob"], ["index", "create"], ["field", "set", "a", "b"],
                 ["index", "set", "logs"], ["index", "create", "x", "--intervals", "many"], ["index", "list", "x"]):
        assert run(*args).returncode == 2


def test_on_a_directory_that_no_server_owns(server, alco, tmp_path):
    server.send("logs", [{"message": f"kept {i}"} for i in range(10)])
    owned = alco("grep", "--data", server.data, "kept")
    assert owned.returncode == 2 and b"owns" in owned.stderr
    server.stop()
    assert alco("grep", "--data", server.data, "-c", "kept").stdout == b"10\n"
    assert alco("import", "--data", server.data, "-", input=b"more\n").returncode == 0
    assert alco("grep", "--data", server.data, "more").stdout == b"more\n"
    assert alco("index", "list", "--data", server.data).stdout.split()[-4:-3] or True
    assert alco("grep", "--data", tmp_path / "nothere", "x").returncode == 2
    assert alco("verify", server.data).returncode == 0
    assert not (tmp_path / "nothere").exists()
    refused = alco("index", "list", "--data", tmp_path / "nothere")
    assert refused.returncode == 2 or refused.returncode == 1
    assert b"index create" in refused.stderr and not (tmp_path / "nothere").exists()
    assert alco("index", "create", "loc", "--data", tmp_path / "new").returncode == 0
    assert b"loc" in alco("index", "list", "--data", tmp_path / "new").stdout
    server.start()
    assert server.api("logs", "count")["count"] == 11


def test_verify_counts_what_stands_in_the_log_alone(server, alco):
    server.create("web")
    server.send("logs", [{"message": f"row {i}"} for i in range(1000)])
    assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
    server.send("logs", [{"message": f"row {i}"} for i in range(30)])
    server.send("web", [{"message": f"row {i}"} for i in range(7)])
    server.kill()
    told = alco("verify", server.data).stdout
    assert b"1037 records: 1000 in 1 segments, 37 in the log alone" in told, told


@pytest.mark.parametrize("args", [
    ["grep", "x"], ["tail"], ["index", "list"], ["index", "set", "logs", "--intervals", "3"],
    ["index", "drop", "logs"], ["index", "compact", "logs"], ["field", "list", "logs"],
    ["field", "set", "logs", "a", "--display", "yes"],
])
@pytest.mark.parametrize("held", [[], ["store/notes.txt", "letter"]])
def test_who_does_not_begin_a_directory_makes_nothing_in_it(alco, tmp_path, args, held):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in held:
        (foreign / name).parent.mkdir(exist_ok=True)
        (foreign / name).write_text("mine")
    before = sorted(foreign.rglob("*"))
    done = alco(*args, "--data", foreign)
    assert done.returncode == 2, done
    assert b"no alco data in " + os.fsencode(foreign) in done.stderr, done
    assert sorted(foreign.rglob("*")) == before


def test_import_and_index_create_may_begin_a_directory(alco, tmp_path):
    for name, args in (("a", ["import", "-"]), ("b", ["index", "create", "web"])):
        (tmp_path / name).mkdir()
        done = alco(*args, "--data", tmp_path / name, input=b"hello\n")
        assert done.returncode == 0, done
        assert alco("index", "list", "--data", tmp_path / name).returncode == 0


def test_verify_names_damage(server, alco):
    server.send("logs", [{"message": f"row {i}"} for i in range(1000)])
    assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
    server.stop()
    clean = alco("verify", server.data)
    assert clean.returncode == 0 and b"1000 records" in clean.stdout, clean
    segments = [os.path.join(d, f) for d, _, files in os.walk(server.data) for f in files
                if "seg" in f]
    assert segments
    with open(segments[0], "r+b") as f:
        f.seek(os.path.getsize(segments[0]) // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 0xff]))
    broken = alco("verify", server.data)
    assert broken.returncode == 1 and os.path.basename(segments[0]).encode() in broken.stdout
    assert alco("verify", "/nothere").returncode == 2
    assert alco("verify").returncode == 2


def wrote_two_indexes(server):
    server.create("web")
    server.send("logs", [{"message": "one in logs", "at": "2001-01-01T00:00:00Z", "unit": "m"}])
    server.send("web", [{"message": f"{i} in web", "user": {"name": "bob"}} for i in range(3)])
    assert server.request("POST", "/api/v1/indexes/web/compact").status == 204
    server.stop()


def field_names(server, index):
    return sorted(f["name"] for f in server.ok(f"/api/v1/indexes/{index}/fields")["fields"])


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_lost_catalogue_hides_no_index(server, alco, how):
    wrote_two_indexes(server)
    catalogue = os.path.join(server.data, "catalog.db")
    os.remove(catalogue)
    if how == "empty":
        open(catalogue, "w").close()
    told = alco("verify", server.data)
    assert told.returncode == 0 and told.stdout.count(b"does not know index") == 2, told
    server.start()
    said = [line for line in server.lines if "the catalogue did not know it" in line]
    assert sorted(line.split()[2] for line in said) == ["logs:", "web:"], server.lines
    assert server.api("logs", "count")["count"] == 1
    assert server.api("web", "count")["count"] == 3
    assert server.ok("/api/v1/indexes/web")["intervals"] == 36500
    assert field_names(server, "web") == ["user.name"]
    assert field_names(server, "logs") == ["at", "unit"]
    assert server.api("web", "count", q="user.name:bob")["count"] == 3
    server.send("web", [{"message": "4 in web"}])
    server.stop()
    server.start()
    assert not [line for line in server.lines if "did not know it" in line]
    assert server.api("web", "count")["count"] == 4
    server.stop()
    os.remove(catalogue)
    assert alco("grep", "--data", server.data, "-c", "in web", "web").stdout == b"4\n"


def test_verify_names_a_lock_that_is_no_file(server, alco):
    server.stop()
    lock = pathlib.Path(server.data) / "store" / "lock"
    lock.unlink()
    lock.mkdir()
    told = alco("verify", server.data)
    assert told.returncode == 1 and b"store/lock: " in told.stdout, told
    assert alco("serve", "--data", server.data, "--listen", "127.0.0.1:0").returncode == 1


def bytes_below(directory):
    return {p.relative_to(directory): p.read_bytes() if p.is_file() else None
            for p in pathlib.Path(directory).rglob("*")}


@pytest.mark.parametrize("how", ["well", "garbage", "directory"])
def test_verify_looks_at_a_catalogue_whose_log_is_not_in_it(server, alco, tmp_path, how):
    """As kill -9 leaves it. What verify says is what serve then does."""
    server.create("web")
    server.stop()  # all is in catalog.db; what comes now is the log, which alone is no catalogue
    server.start()
    assert server.request("PATCH", "/api/v1/indexes/web", b'{"intervals":3}').status == 200
    server.kill()
    catalogue = pathlib.Path(server.data) / "catalog.db"
    assert os.path.getsize(f"{catalogue}-wal") > 0
    if how != "well":
        catalogue.unlink()
    if how == "garbage":
        catalogue.write_bytes(b"this is no database at all" * 1000)
    if how == "directory":
        catalogue.mkdir()
    before = bytes_below(server.data)
    (tmp_path / "tmp").mkdir()
    told = alco("verify", server.data, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")})
    assert told.returncode == (0 if how == "well" else 1), told
    assert (b"catalog.db" in told.stdout) == (how != "well"), told
    assert bytes_below(server.data) == before and not list((tmp_path / "tmp").iterdir())
    if how == "well":
        server.start()
    else:
        assert alco("serve", "--data", server.data, "--listen", "127.0.0.1:0").returncode == 1


def test_a_damaged_catalogue_is_refused_and_told(server, alco):
    wrote_two_indexes(server)
    catalogue = os.path.join(server.data, "catalog.db")
    with open(catalogue, "r+b") as f:
        f.write(b"this is not a database at all" * 10)
    told = alco("verify", server.data)
    assert told.returncode == 1 and b"file is not a database" in told.stdout, told
    refused = alco("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert refused.returncode == 1
    assert b"catalog.db" in refused.stderr and b"move it" in refused.stderr, refused
    os.rename(catalogue, catalogue + ".old")
    server.start()
    assert server.api("web", "count")["count"] == 3


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_store_that_is_not_there_is_missed(server, alco, how):
    wrote_two_indexes(server)
    store = os.path.join(server.data, "store")
    os.rename(store, store + ".away")
    if how == "empty":  # a mount that was forgotten
        os.mkdir(store)
    refused = alco("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert refused.returncode == 1
    assert b"not mounted" in refused.stderr and b"move catalog.db away" in refused.stderr, refused
    assert not os.path.exists(os.path.join(store, "root"))
    if how == "empty":
        os.rmdir(store)
    os.rename(store + ".away", store)
    server.start()
    assert server.api("web", "count")["count"] == 3
    server.stop()
    shutil.rmtree(store)
    for name in os.listdir(server.data):
        if name.startswith("catalog.db"):
            os.remove(os.path.join(server.data, name))
    server.start()  # empty on purpose


def test_a_damaged_manifest_is_rebuilt_and_told(server, alco):
    wrote_two_indexes(server)
    manifests = [os.path.join(d, f) for d, _, files in os.walk(server.data) for f in files
                 if f == "manifest"]
    assert len(manifests) == 2
    for manifest in manifests:
        with open(manifest, "w") as f:
            f.write("no manifest")
    broken = alco("verify", server.data)
    assert broken.returncode == 1 and broken.stdout.count(b"the next start rebuilds it") == 2, broken
    server.start()
    assert len([line for line in server.lines if "rebuilt" in line]) == 2, server.lines
    assert server.api("logs", "count")["count"] == 1
    assert server.api("web", "count")["count"] == 3
    server.stop()
    assert alco("verify", server.data).returncode == 0
    assert all(os.path.exists(m + ".bad") for m in manifests)


def test_help_and_version(alco):
    assert re.fullmatch(rb"alco [0-9.]+\n", alco("--version").stdout)
    listed = re.findall(r"^  (\w+) ", alco("--help").stdout.decode(), re.M)
    assert {"serve", "grep", "import", "index", "field", "verify"} <= set(listed)
    for command in listed:
        done = alco(command, "--help")
        assert done.returncode == 0 and done.stdout.startswith(b"usage: alco " + command.encode())
        assert done.stderr == b""
    assert alco().returncode == 2 and alco("nonsense").returncode == 2


def test_collected_lines_name_each_index(server):
    server.create("web")
    server.send("logs", [{"message": "x"}])
    server.send("web", [{"message": "x"}] * 2)
    wait_for(lambda: any("web=2" in line for line in server.lines), "the collected line")


def on_terminal(*args):
    """What a terminal gets to see of a command, and its exit status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([ALCO, *args], stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # the end of a terminal
        pass
    os.close(ours)
    return seen, process.wait()


@pytest.mark.parametrize("args", [
    ["import", "--index", "@", "-"], ["grep", "x", "@"], ["grep", "--@", "x"], ["tail", "@"], ["tail", "--@"],
    ["index", "@"], ["index", "create", "@"], ["index", "list", "@"], ["field", "list", "@"], ["@"],
    ["verify", "@"], ["index", "list", "--data", "@"], ["serve", "--@"], ["import", "--@"], ["send", "--@"],
    ["serve", "--listen", "@"], ["tail", "-@"], ["verify", "--@"], ["field", "--@"], ["index", "--@"],
])
@pytest.mark.parametrize("evil", ["\x1b[31m", "\x9b31m", "\x7f", "\u202e", "\u2066"])
def test_an_error_names_no_value_raw(server, alco, args, evil):
    done = alco(*(a.replace("@", evil) for a in args), input=b"x\n",
                env={**os.environ, "ALCO_SERVER": server.url})
    assert done.returncode in (1, 2) and done.stderr
    assert evil.encode() not in done.stdout + done.stderr, done
    assert b"\x1b" not in done.stderr


def test_a_terminal_obeys_no_log_and_no_server(server):
    evil = "evil \x1b]0;title\x07 \x1b[2J \x9b31m \x7f\r end\tä\u00a0"
    server.send("logs", [{"message": evil}])
    seen, status = on_terminal("grep", "--server", server.url, "evil")
    assert status == 0
    assert seen.decode() == "evil ^[]0;title^G ^[[2J M-^[31m ^?^M end\tä\u00a0\r\n"
    seen, status = on_terminal("grep", "--server", server.url, "evil", "\x1b[2J\x9b31m")
    assert status == 2 and b"\x1b" not in seen and "\x9b" not in seen.decode()


class Page(http.server.BaseHTTPRequestHandler):
    """Something that is not alco and says 200 to everything, as a login page does."""
    answer = b"<html>please log in</html>"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    do_POST = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def login_page():
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as page:
        thread = threading.Thread(target=page.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{page.server_port}"
        page.shutdown()
        thread.join()


@pytest.mark.parametrize("args, status", [
    (["import", "-"], 1), (["grep", "x"], 2), (["grep", "x", "logs"], 2), (["grep", "-c", "x", "logs"], 2),
    (["grep", "-l", "x", "logs"], 2), (["grep", "-C1", "x", "logs"], 2), (["index", "list"], 1), (["field", "list", "logs"], 1),
])
def test_another_program_is_not_taken_for_alco(login_page, alco, args, status):
    done = alco(*args[:1], "--server", login_page, *args[1:], input=b"a line\n")
    assert done.returncode == status
    assert b"not one of alco's" in done.stderr


def test_import_asks_for_the_index_by_its_name_only(server, alco):
    for name in ("../indexes/logs", "lo gs", "logs/logs?", "x" * 500):
        done = alco("import", "--server", server.url, "--index", name, "-", input=b"a line\n")
        assert done.returncode == 1 and b"no index" in done.stderr
    assert server.api("logs", "count")["count"] == 0


def test_a_list_that_cannot_be_written_is_a_failure(server):
    server.send("logs", [{"message": "x", "a": 1}])
    for args in (["index", "list"], ["index", "list", "--json"], ["field", "list", "logs"], ["tail"]):
        with open("/dev/full", "wb") as full:
            p = subprocess.run([ALCO, *args, "--server", server.url], stdout=full, stderr=subprocess.PIPE, check=False)
        assert p.returncode == 1 and p.stderr, args
