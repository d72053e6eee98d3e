"""Goal: `alco import` takes logs as files hold them: packed, of many lines a record, with times of
many forms, and after a break it says how to go on without loss or double. Method: real processes
and files written here."""
import gzip
import json
import os
import signal
import subprocess
import threading

import pytest

from conftest import ALCO, wait_for

RAW = """2026-03-01 10:00:00,123 INFO start
2026-03-01 10:00:01,500 ERROR boom
Traceback (most recent call last):
  File "x.py", line 1, in <module>

KeyError: 'id'
no time of its own
2026-03-01T10:00:02Z done
"""

SYSLOG = """<34>1 2026-03-11T22:14:15.003Z mail.example.com su 77 ID47 [ex@1 a="b\\"c"][y] su root failed
<13>Mar 11 22:14:16 web1 app[12]: hi there
Mar 11 22:14:17 web1 sshd(pam)[99]: failed
\tmore of it
2026-03-11T22:14:18.5+01:00 web1 cron: tick
<13>only words
not syslog at all
"""


@pytest.fixture
def march(tmp_path):
    """Writes a file that was last changed in March 2026."""
    def write(name, data):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.utime(path, (1_773_900_000, 1_773_900_000))
        return path
    return write


def hits(server, index="logs"):
    return server.api(index, "search", order="asc", limit=1000)["hits"]


@pytest.mark.parametrize("form", [[], ["--format", "raw"]])
def test_times_and_many_lines(server, alco, march, form):
    done = alco("import", "--server", server.url, *form, march("app.log", RAW))
    assert done.returncode == 0 and done.stdout == b"4 records imported into logs\n", done
    assert [(h["time"], h["message"]) for h in hits(server)] == [
        ("2026-03-01T10:00:00.123000000Z", "2026-03-01 10:00:00,123 INFO start"),
        ("2026-03-01T10:00:01.500000000Z", "\n".join(RAW.splitlines()[1:6])),
        ("2026-03-01T10:00:01.500000000Z", "no time of its own"),
        ("2026-03-01T10:00:02.000000000Z", "2026-03-01T10:00:02Z done"),
    ]


@pytest.mark.parametrize("form", [[], ["--format", "syslog"]])
def test_syslog(server, alco, march, form):
    done = alco("import", "--server", server.url, *form, march("syslog", SYSLOG))
    assert done.returncode == 0, done
    by_message = {h["message"]: (h["time"][:23], h["fields"]) for h in hits(server)}
    assert by_message == {
        "su root failed": ("2026-03-11T22:14:15.003", {
            "host": "mail.example.com", "app": "su", "pid": "77", "msgid": "ID47", "facility": "auth",
            "severity": "crit", "data": {"ex@1": {"a": 'b"c'}, "y": {}}}),
        "hi there": ("2026-03-11T22:14:16.000", {
            "host": "web1", "app": "app", "pid": "12", "facility": "user", "severity": "notice"}),
        "failed\n\tmore of it": ("2026-03-11T22:14:17.000", {"host": "web1", "app": "sshd(pam)", "pid": "99"}),
        "tick": ("2026-03-11T21:14:18.500", {"host": "web1", "app": "cron"}),
        "only words": ("2026-03-11T21:14:18.500", {"facility": "user", "severity": "notice"}),
        "not syslog at all": ("2026-03-11T21:14:18.500", {}),
    }


def test_times_are_read_in_the_zone_of_the_index(server, alco, march):
    server.create("moscow", timestamp_zone="Europe/Moscow")
    text = "Mar 11 12:00:00 web1 app: x\nDec 31 23:59:59 web1 app: old\n2026-03-11T12:00:00Z web1 app: z\n"
    assert alco("import", "--server", server.url, "--index", "moscow", march("l", text)).returncode == 0
    assert [(h["time"][:19], h["message"]) for h in hits(server, "moscow")] == [
        ("2025-12-31T20:59:59", "old"), ("2026-03-11T09:00:00", "x"), ("2026-03-11T12:00:00", "z")]


def pack_zstd(data):
    return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("pack", [lambda d: d, gzip.compress, pack_zstd,
                                  lambda d: gzip.compress(d[:30]) + gzip.compress(d[30:]) + b"\0" * 512,
                                  lambda d: pack_zstd(d[:30]) + pack_zstd(d[30:])],
                         ids=["plain", "gzip", "zstd", "gzips", "zstds"])
def test_packed_files(server, alco, tmp_path, pack):
    text = "".join(f'{{"message":"m{i}","pad":"{"x" * (i % 300)}"}}\n' for i in range(20000)).encode()
    (tmp_path / "a").write_bytes(pack(text))
    done = alco("import", "--server", server.url, tmp_path / "a")
    assert done.stdout == b"20000 records imported into logs\n", done
    done = alco("import", "--server", server.url, "-", input=pack(text))
    assert done.stdout == b"20000 records imported into logs\n", done
    assert server.api("logs", "count", q="@pad=*")["count"] == 40000


@pytest.mark.parametrize("pack", [gzip.compress, pack_zstd], ids=["gzip", "zstd"])
def test_damaged_files_are_told_and_their_beginning_kept(server, alco, tmp_path, pack):
    text = "".join(f"line {i} {os.urandom(20).hex()}\n" for i in range(5000)).encode()
    whole = pack(text)
    (tmp_path / "cut").write_bytes(whole[:len(whole) // 2])
    done = alco("import", "--server", server.url, tmp_path / "cut", tmp_path / "other")
    assert done.returncode == 1 and b"ends too soon" in done.stderr and b"not read: the files" in done.stderr
    kept = [h["message"] for h in hits(server)]
    assert kept == text.decode().splitlines()[:len(kept)][:1000]
    assert b"%d records are in" % server.api("logs", "count")["count"] in done.stderr


def test_what_cannot_be_read(server, alco, tmp_path):
    done = alco("import", "--server", server.url, tmp_path)
    assert done.returncode == 1 and b"is a directory: name the files in it" in done.stderr
    assert b"to go on" not in done.stderr
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "blank").write_bytes(b"\n \n\r\n")
    for name in ("empty", "blank"):
        assert alco("import", "--server", server.url, tmp_path / name).stdout == b"0 records imported into logs\n"
    (tmp_path / "long").write_bytes(b'{"message":"' + b"x" * (17 << 20))
    done = alco("import", "--server", server.url, tmp_path / "long")
    assert done.returncode == 1 and b"line 1 has more than" in done.stderr


def test_a_line_end_may_be_missing_and_lines_have_any_bytes(server, alco, tmp_path):
    (tmp_path / "a").write_bytes(b"one \xff\r\n\r\ntwo \x00\x01\x7f \"q\" \\\n  goes on")
    assert alco("import", "--server", server.url, tmp_path / "a").stdout == b"2 records imported into logs\n"
    assert [h["message"] for h in hits(server)] == ["one \ufffd", 'two \0\x01\x7f "q" \\\n  goes on']


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_goes_on_where_it_says(server, alco, tmp_path, number):
    """The input is a pipe of which one part is held back until the signal was sent."""
    lines = [f"2026-03-01 10:00:00 line {i} {'x' * 500}" for i in range(30000)]
    (tmp_path / "all").write_text("".join(x + "\n" for x in lines))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen([ALCO, "import", "--server", server.url, str(pipe)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    with open(pipe, "w") as out:
        out.write("".join(x + "\n" for x in lines[:15000]))
        out.flush()
        wait_for(lambda: server.api("logs", "count")["count"] > 0, "the first chunk")
        process.send_signal(number)
        def feed():
            try:
                out.write("".join(x + "\n" for x in lines[15000:]))
            except BrokenPipeError:
                pass
        feeder = threading.Thread(target=feed)
        feeder.start()
        stdout, stderr = process.communicate()
        feeder.join()
        try:
            out.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # so that it can be closed
    assert process.returncode == 1 and stdout == b"" and b"stopped by a signal" in stderr
    text = stderr.decode()
    skip = text.split("--skip ")[1].split()[0]
    assert f"{server.api('logs', 'count')['count']} records are in and durable" in text
    done = alco("import", "--server", server.url, "--skip", skip, tmp_path / "all")
    assert done.returncode == 0, done
    assert server.api("logs", "count")["count"] == len(lines)
    assert len({h["message"] for h in hits(server)}) == 1000


def test_a_server_that_dies_leaves_no_doubt_unsaid(server, tmp_path):
    lines = "".join(json.dumps({"message": f"m{i}", "pad": "x" * 500}) + "\n" for i in range(40000))
    process = subprocess.Popen([ALCO, "import", "--server", server.url, "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    half = lines.index("\n", len(lines) // 2) + 1
    process.stdin.write(lines[:half])
    process.stdin.flush()
    wait_for(lambda: server.api("logs", "count")["count"] > 0, "the first chunk")
    server.kill()
    _, stderr = process.communicate(lines[half:])
    assert process.returncode == 1
    assert "records are in and durable" in stderr and "any of them may be in" in stderr


def test_a_pipe_is_imported_while_it_lives(server):
    process = subprocess.Popen([ALCO, "import", "--server", server.url, "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for n in (1, 2):
        process.stdin.write(b"a line\n  and more\n")
        process.stdin.flush()
        wait_for(lambda: server.api("logs", "count")["count"] == n, "the record")
    process.send_signal(signal.SIGINT)  # while it waits
    stdout, stderr = process.communicate()
    assert process.returncode == 1 and b"2 records are in" in stderr and b"its first 4 lines" in stderr
    assert [h["message"] for h in hits(server)] == ["a line\n  and more"] * 2


def test_docker_lines_become_their_text(server, alco, march):
    """The log without its line end, a Z that is UTC whatever the index's zone; other JSON as it is."""
    server.create("docker", timestamp_zone="Europe/Moscow")
    text = (r'{"log":"say \"hi\"\n","stream":"stdout","time":"2026-03-01T10:00:00.123456789Z"}' "\n"
            r'{"log":"a\\n","stream":"stderr","attrs":{"tag":"x"},"time":"2026-03-01T10:00:01Z"}' "\n"
            r'{"log":"no stream","time":"2026-03-01T10:00:02Z"}' "\n")
    done = alco("import", "--server", server.url, "--index", "docker", march("d", text))
    assert done.returncode == 0, done
    assert [(h["time"], h["message"], h["fields"]) for h in hits(server, "docker")] == [
        ("2026-03-01T07:00:02.000000000Z", "", {"log": "no stream"}),
        ("2026-03-01T10:00:00.123456789Z", 'say "hi"', {"stream": "stdout"}),
        ("2026-03-01T10:00:01.000000000Z", "a\\n", {"stream": "stderr", "attrs": {"tag": "x"}}),
    ]


def test_the_level_behind_the_time_is_a_field(server, alco, march):
    text = "[Sun Mar 01 10:00:00 2026] [error] a\n2026/03/01 10:00:01 error b\n"
    assert alco("import", "--server", server.url, march("apache", text)).returncode == 0
    assert [(h["time"][:19], h["fields"]) for h in hits(server)] == [
        ("2026-03-01T10:00:00", {"levelname": "ERROR"}), ("2026-03-01T10:00:01", {})]
