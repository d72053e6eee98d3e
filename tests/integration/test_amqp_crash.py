"""The long crash loops of tests/crash/kill_loop.py with small numbers, so that every run of the tests
kills alco and restarts the broker a few times; the seed is printed."""
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "crash"))
import kill_loop  # noqa: E402

SEED = random.SystemRandom().randrange(1 << 32)


@pytest.mark.parametrize("processes", [1, 3])
def test_everything_is_found_once_over_kills(processes):
    print("seed", SEED)
    assert kill_loop.run_plain(8000, 2, processes, SEED)


def test_everything_confirmed_is_found_once_over_kills_and_a_broker_restart():
    print("seed", SEED)
    assert kill_loop.run_durable(4000, 2, 1, 1, SEED)


def test_time_from_publish_to_found_and_speed_can_be_measured():
    assert kill_loop.run_latency(1000, 1000)
    assert kill_loop.run_speed(5000)
