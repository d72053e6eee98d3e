"""Files followed by a real alco.

Goal: every record of followed files is found once, whatever happens to the files and to alco.
Method: `alco serve --follow` on files that the test writes and rotates while it kills alco with -9
and starts it again; what is found is compared with what was written. Random places of kills and
rotations come from a seed (printed; ALCO_SEED repeats it). Waiting is for a condition.
"""
import collections
import json
import os
import random
import shutil
import subprocess
import time

import pytest

from alco import PROGRAM, Alco, wait_until

SEED = int(os.environ.get("ALCO_SEED", random.SystemRandom().randrange(1 << 32)))


@pytest.fixture
def follow():
    """follow(data, glob…) starts a server that reads what the globs name into the index `system`."""
    started = []

    def start(data, *globs, flags=(), **more):
        args = [word for glob in globs for word in ("--follow", "system=%s" % glob)]
        started.append(Alco(data, *args, *flags, **more))
        started[-1].start()
        return started[-1]

    yield start
    for alco in started:
        alco.__exit__()


def expect_messages(alco, written):
    """Waits for as many as were written, then compares: nothing lost, nothing doubled."""
    wait_until("%d records" % len(written), lambda: alco.count("system") >= len(written))
    assert collections.Counter(alco.messages("system")) == collections.Counter(written)


def line(n, text="message"):
    return f"2026-11-22 13:40:{n % 60:02d} {text} {n}"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path


def test_kill_and_rotation(place, follow):
    print("ALCO_SEED", SEED)
    rng = random.Random(SEED)
    log = place / "log" / "app.log"
    alco = follow(place / "data", f"{log}*")
    written, n_rotated = [], 0
    kills = set(rng.sample(range(20, 400), 6))
    for step in range(400):
        batch = [line(len(written) + i) for i in range(rng.randint(1, 60))]
        with log.open("a") as f:
            f.write("".join(m + "\n" for m in batch))
        written += batch
        if rng.random() < 0.05:
            n_rotated += 1
            log.rename(log.with_suffix(f".log.{n_rotated}"))
        if step in kills:
            alco.kill()
            if rng.random() < 0.5 and log.exists():  # renamed while nobody looks
                n_rotated += 1
                log.rename(log.with_suffix(f".log.{n_rotated}"))
            alco.start()
        time.sleep(rng.random() * 0.005)
    expect_messages(alco, written)
    assert alco.stop() == 0
    alco.start()
    with log.open("a") as f:
        f.write("last\n")
    expect_messages(alco, written + ["last"])
    assert alco.stop() == 0


def test_rest_of_a_file_renamed_while_alco_was_down(place, follow):
    log = place / "log" / "app.log"
    log.write_text("one\ntwo\n")
    alco = follow(place / "data", log)  # this very name, no wildcard
    alco.wait_for_count(2, "system")
    alco.kill()
    with log.open("a") as f:
        f.write("three\n")
    log.rename(log.with_suffix(".log.1"))
    log.write_text("four\n")
    alco.start()
    expect_messages(alco, ["one", "two", "three", "four"])
    assert alco.stop() == 0


def test_copy_and_truncate(place, follow):
    log = place / "log" / "app.log"
    log.write_text("a rather long first line\nsecond\n")
    alco = follow(place / "data", log)
    alco.wait_for_count(2, "system")
    with log.open("r+") as f:
        f.truncate(0)
    with log.open("a") as f:
        f.write("after\n")
    expect_messages(alco, ["a rather long first line", "second", "after"])
    assert alco.stop() == 0


def test_records_have_time_fields_and_all_their_lines(place, follow):
    trace = ("2026-11-22T13:40:03+00:00 web1 app[77]: boom\n"
             "Traceback (most recent call last):\n"
             '  File "x.py", line 1, in <module>\n'
             "ValueError: no")
    log = place / "log" / "app.log"
    log.write_text(f"2026-11-22T13:40:01+00:00 web1 sshd[12]: hello\n"
                   f"2026-11-22T13:40:02+00:00 plain\n{trace}\nundated\n")
    alco = follow(place / "data", log)
    alco.wait_for_count(4, "system")
    hits = alco.hits("system")
    assert [h["message"] for h in hits] == [
        "2026-11-22T13:40:01+00:00 web1 sshd[12]: hello", "2026-11-22T13:40:02+00:00 plain", trace,
        "undated"]
    assert [h["time"] for h in hits] == [
        f"2026-11-22T13:40:{s:02d}.000000000Z" for s in (1, 2, 3, 3)]
    assert hits[0]["fields"] == {"file": str(log), "host": "web1", "app": "sshd", "pid": "12"}
    assert hits[2]["fields"]["pid"] == "77"
    assert set(hits[1]["fields"]) == {"file", "host"}
    assert alco.stop() == 0


def test_a_file_that_appears_is_followed(place, follow):
    alco = follow(place / "data", place / "log" / "*.log", place / "later" / "x.log")
    (place / "log" / "new.log").write_text("one\n")
    (place / "log" / "new.txt").write_text("not followed\n")
    (place / "later").mkdir()
    (place / "later" / "x.log").write_text("two\n")
    expect_messages(alco, ["one", "two"])
    assert alco.stop() == 0


@pytest.mark.parametrize("flag", ["system", "=x", "system=", "no-name=/x", "x" * 21 + "=/x"])
def test_bad_flags_are_refused(place, flag):
    answer = subprocess.run([PROGRAM, "serve", "--data", place / "data", "--listen", "127.0.0.1:0",
                             "--follow", flag], capture_output=True, text=True)
    assert answer.returncode == 2
    assert "--follow" in answer.stderr and flag.split("=")[0] in answer.stderr


# ---- Whatever happens to a file

def append(path, *lines):
    with path.open("a") as f:
        f.write("".join(text + "\n" for text in lines))


def test_a_last_line_without_its_end_waits_for_it(place, follow):
    log = place / "log" / "app.log"
    log.write_text("whole\nhal")
    alco = follow(place / "data", log)
    expect_messages(alco, ["whole"])
    alco.kill()
    alco.start()
    append(log, "f")
    expect_messages(alco, ["whole", "half"])
    assert alco.stop() == 0


def test_a_file_deleted_and_made_again_is_another_file(place, follow):
    """Also when the file system gives the new one the old one's inode."""
    log = place / "log" / "app.log"
    alco = follow(place / "data", log)
    written = []
    for generation in range(20):
        new = ["generation %d line %d" % (generation, i) for i in range(generation % 3 + 1)]
        append(log, *new)
        written += new
        expect_messages(alco, written)
        if generation % 4 == 3:  # deleted while nobody looks: its inode is free
            assert alco.stop() == 0
            log.unlink()
            append(log, "made while alco was down %d" % generation)
            written.append("made while alco was down %d" % generation)
            alco.start()
            expect_messages(alco, written)
        log.unlink()
    assert alco.stop() == 0


def test_copy_and_truncate_over_and_over(place, follow):
    """The sender keeps its descriptor (O_APPEND), as logrotate's copytruncate expects."""
    log = place / "log" / "app.log"
    alco = follow(place / "data", log)
    written = []
    with log.open("a") as f:
        for generation in range(10):
            new = ["generation %d line %d" % (generation, i) for i in range(100 - generation)]
            f.write("".join(m + "\n" for m in new))
            f.flush()
            written += new
            expect_messages(alco, written)  # or the truncation would lose what nobody has read
            if generation % 3 == 2:
                alco.kill()
            os.truncate(log, 0)
            if generation % 3 == 2:
                alco.start()
    assert alco.stop() == 0


def test_long_lines_nuls_and_any_bytes(place, follow):
    log = place / "log" / "app.log"
    long = "x" * (3 << 20)
    with log.open("wb") as f:
        f.write(b"first\n" + long.encode() + b"\nbetween\n" + b"a\x00b\x00\n" + b"\x00" * 5000 + b"\n")
        f.write(bytes(b for b in range(256) if b not in b"\r\n") + b"\n\xff\xfe\n\r\n\n  \nlast\n")
    alco = follow(place / "data", log)
    wait_until("the last one", lambda: "last" in alco.messages("system"))
    messages = alco.messages("system")
    assert messages[0] == "first" and messages[2] == "between" and messages[3] == "a\x00b\x00"
    assert messages[1].startswith("x" * 1000) and len(messages[1]) <= (1 << 20) + 100
    assert messages[4] == "\x00" * 5000 and messages[6] == "\ufffd\ufffd"
    assert len(messages) == 8
    assert sum(line.startswith("alco_") and "long" in line and not line.endswith(" 0")
               for line in alco.call("GET", "/metrics").splitlines()) >= 1
    assert alco.stop() == 0


def test_a_line_longer_than_the_buffer_over_kills(place, follow):
    """A line that never seems to end: what follows it is found, once."""
    log = place / "log" / "app.log"
    alco = follow(place / "data", log)
    with log.open("a") as f:
        f.write("start\n")
        for _ in range(6):
            f.write("y" * (700 << 10))
            f.flush()
            alco.kill()
            alco.start()
        f.write("\nbehind\n")
    wait_until("what is behind", lambda: "behind" in alco.messages("system"))
    messages = alco.messages("system")
    assert len(messages) == 3 and messages[0] == "start" and messages[2] == "behind"
    assert alco.stop() == 0


def test_a_thousand_files_of_one_glob(place, follow):
    n = 1000
    for i in range(n):
        (place / "log" / ("%04d.log" % i)).write_text("file %d\n" % i)
    alco = follow(place / "data", place / "log" / "*.log")
    expect_messages(alco, ["file %d" % i for i in range(n)])
    for i in range(0, n, 7):
        append(place / "log" / ("%04d.log" % i), "more %d" % i)
    more = ["more %d" % i for i in range(0, n, 7)]
    expect_messages(alco, ["file %d" % i for i in range(n)] + more)
    alco.kill()
    append(place / "log" / "0500.log", "after")
    alco.start()
    expect_messages(alco, ["file %d" % i for i in range(n)] + more + ["after"])
    # One file more than are followed: told, and followed once there is room for it.
    append(place / "log" / "one-more.log", "waiting")
    wait_until("the log to say so", lambda: "too many files" in alco.log())
    (place / "log" / "0000.log").unlink()
    expect_messages(alco, ["file %d" % i for i in range(n)] + more + ["after", "waiting"])
    assert alco.stop() == 0


def test_a_file_that_may_not_be_read_is_told_and_read_when_it_may(place, follow):
    is_root = os.getuid() == 0
    os.chmod(place, 0o755)
    for p in [place, *place.parents][:4]:
        os.chmod(p, os.stat(p).st_mode | 0o055) if os.stat(p).st_uid == os.getuid() else None
    secret = place / "log" / "secret.log"
    secret.write_text("secret\n")
    secret.chmod(0)
    (place / "log" / "open.log").write_text("open\n")
    more = {}
    if is_root:  # who may read everything: alco is somebody else then
        home = place / "home"
        home.mkdir()
        shutil.chown(home, "nobody")
        more = {"user": "nobody", "program": shutil.copy(PROGRAM, place / "alco")}
    alco = follow((place / "home" if is_root else place) / "data", place / "log" / "*.log", **more)
    expect_messages(alco, ["open"])
    wait_until("the log to say so", lambda: "secret.log" in alco.log())
    secret.chmod(0o644)
    expect_messages(alco, ["open", "secret"])
    assert alco.log().count("secret.log") == 1
    assert alco.stop() == 0


def test_directories_links_and_pipes_among_the_files(place, follow):
    logs = place / "log"
    (logs / "real.txt").write_text("linked\n")
    (logs / "a.log").write_text("plain\n")
    (logs / "dir.log").mkdir()
    (logs / "link.log").symlink_to("real.txt")
    (logs / "dangling.log").symlink_to("nowhere")
    (logs / "loop.log").symlink_to("loop.log")
    os.mkfifo(logs / "pipe.log")
    alco = follow(place / "data", logs / "*.log")
    expect_messages(alco, ["plain", "linked"])
    append(logs / "real.txt", "more")
    expect_messages(alco, ["plain", "linked", "more"])
    assert alco.stop() == 0


def test_a_full_disk_makes_files_wait_and_room_goes_on(place, follow, small_disk):
    log = place / "log" / "app.log"
    alco = follow(small_disk / "data", log, flags=["--min-free", "0"],
                  log=place / "alco.log")
    written = [line(n) for n in range(1000)]
    append(log, *written)
    expect_messages(alco, written)
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    with ballast.open("wb") as f:
        os.posix_fallocate(f.fileno(), 0, free)
    more = [line(n, "a message of some length " * 20) for n in range(1000, 20000)]
    append(log, *more)
    wait_until("the log to say so", lambda: "files for index 'system' wait" in alco.log())
    assert 1000 <= alco.count("system") < 20000  # search goes on
    ballast.unlink()
    expect_messages(alco, written + more)
    assert alco.stop() == 0


def test_kill_9_while_many_files_grow(place, follow):
    print("ALCO_SEED", SEED)
    rng = random.Random(SEED)
    logs = [place / "log" / ("%d.log" % i) for i in range(20)]
    alco = follow(place / "data", place / "log" / "*.log")
    written = []
    for _ in range(15):
        for log in rng.sample(logs, 10):
            new = [line(len(written) + i, log.name) for i in range(rng.randint(1, 200))]
            append(log, *new)
            written += new
        n = rng.randint(0, len(written))
        wait_until("some of it", lambda n=n: alco.count("system") >= n)
        alco.kill()
        alco.start()
    expect_messages(alco, written)
    alco.kill()
    alco.start()
    expect_messages(alco, written)
    assert alco.stop() == 0
