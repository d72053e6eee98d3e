"""Files followed by a real alco.

Goal: every record of followed files is found once, whatever happens to the files and to alco.
Method: `alco serve --follow` on files that the test writes and rotates while it kills alco with -9
and starts it again; what is found is compared with what was written. Random places of kills and
rotations come from a seed (printed; ALCO_SEED repeats it). Waiting is for a condition.
"""
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALCO = os.environ.get("ALCO", str(ROOT / "build" / "alco"))
SEED = int(os.environ.get("ALCO_SEED", random.SystemRandom().randrange(1 << 32)))
HANG_S = 120  # not a measure of anything: only so that a broken alco ends the test


class Alco:
    """A server on a free port, following globs into the index `system`."""

    def __init__(self, data, *globs):
        self.args = [ALCO, "serve", "--data", str(data), "--listen", "127.0.0.1:0"]
        for glob in globs:
            self.args += ["--follow", f"system={glob}"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.args, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.startswith("alco: ready on "):
                self.url = line.split()[-1]
                return
        pytest.fail(f"alco ended with {self.process.wait()} before it was ready")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(HANG_S) == 0
        self.process.stdout.close()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=HANG_S) as answer:
            return answer.read().decode()

    def count(self):
        return json.loads(self.get("/api/v1/indexes/system/count"))["count"]

    def hits(self):
        lines = self.get("/api/v1/indexes/system/search?limit=0&format=ndjson&order=asc").splitlines()
        return [json.loads(line) for line in lines]

    def wait_count(self, n):
        end = time.monotonic() + HANG_S
        while (found := self.count()) < n:
            assert time.monotonic() < end, f"{found} of {n} records"
            assert self.process.poll() is None, "alco ended"
            time.sleep(0.02)


def expect_messages(alco, written):
    """Waits for as many as were written, then compares: nothing lost, nothing doubled."""
    alco.wait_count(len(written))
    found = collections.Counter(hit["message"] for hit in alco.hits())
    assert found == collections.Counter(written)


def line(n, text="message"):
    return f"2026-11-22 13:40:{n % 60:02d} {text} {n}"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path


def test_kill_and_rotation(place):
    print("ALCO_SEED", SEED)
    rng = random.Random(SEED)
    log = place / "log" / "app.log"
    alco = Alco(place / "data", f"{log}*")
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
    alco.stop()
    alco.start()
    with log.open("a") as f:
        f.write("last\n")
    expect_messages(alco, written + ["last"])
    alco.stop()


def test_rest_of_a_file_renamed_while_alco_was_down(place):
    log = place / "log" / "app.log"
    log.write_text("one\ntwo\n")
    alco = Alco(place / "data", log)  # this very name, no wildcard
    alco.wait_count(2)
    alco.kill()
    with log.open("a") as f:
        f.write("three\n")
    log.rename(log.with_suffix(".log.1"))
    log.write_text("four\n")
    alco.start()
    expect_messages(alco, ["one", "two", "three", "four"])
    alco.stop()


def test_copy_and_truncate(place):
    log = place / "log" / "app.log"
    log.write_text("a rather long first line\nsecond\n")
    alco = Alco(place / "data", log)
    alco.wait_count(2)
    with log.open("r+") as f:
        f.truncate(0)
    with log.open("a") as f:
        f.write("after\n")
    expect_messages(alco, ["a rather long first line", "second", "after"])
    alco.stop()


def test_records_have_time_fields_and_all_their_lines(place):
    trace = ("2026-11-22T13:40:03+00:00 web1 app[77]: boom\n"
             "Traceback (most recent call last):\n"
             '  File "x.py", line 1, in <module>\n'
             "ValueError: no")
    log = place / "log" / "app.log"
    log.write_text(f"2026-11-22T13:40:01+00:00 web1 sshd[12]: hello\n"
                   f"2026-11-22T13:40:02+00:00 plain\n{trace}\nundated\n")
    alco = Alco(place / "data", log)
    alco.wait_count(4)
    hits = alco.hits()
    assert [h["message"] for h in hits] == [
        "2026-11-22T13:40:01+00:00 web1 sshd[12]: hello", "2026-11-22T13:40:02+00:00 plain", trace,
        "undated"]
    assert [h["time"] for h in hits] == [
        f"2026-11-22T13:40:{s:02d}.000000000Z" for s in (1, 2, 3, 3)]
    assert hits[0]["fields"] == {"file": str(log), "host": "web1", "program": "sshd", "pid": "12"}
    assert hits[2]["fields"]["pid"] == "77"
    assert set(hits[1]["fields"]) == {"file", "host"}
    alco.stop()


def test_a_file_that_appears_is_followed(place):
    alco = Alco(place / "data", place / "log" / "*.log", place / "later" / "x.log")
    (place / "log" / "new.log").write_text("one\n")
    (place / "log" / "new.txt").write_text("not followed\n")
    (place / "later").mkdir()
    (place / "later" / "x.log").write_text("two\n")
    expect_messages(alco, ["one", "two"])
    alco.stop()


@pytest.mark.parametrize("flag", ["system", "=x", "system=", "no-name=/x", "x" * 21 + "=/x"])
def test_bad_flags_are_refused(place, flag):
    answer = subprocess.run([ALCO, "serve", "--data", place / "data", "--listen", "127.0.0.1:0",
                             "--follow", flag], capture_output=True, text=True, timeout=HANG_S)
    assert answer.returncode == 2
    assert "--follow" in answer.stderr and flag.split("=")[0] in answer.stderr
