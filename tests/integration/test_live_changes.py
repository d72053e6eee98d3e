"""tests/crash/live_changes.py with small numbers: everything that can change does while messages come
in; the seed is printed."""
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "crash"))
import live_changes  # noqa: E402


def test_changes_in_full_flow_disturb_and_lose_nothing():
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    assert live_changes.run(rate=900, before_s=1, seconds=6, seed=seed)
