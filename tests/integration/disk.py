"""A disk that gets low and has room again, without a privilege: a file in /dev/shm.

    with Disk() as disk:
        ... serve --data disk.path/data, disk.min_free ...
        disk.fill()    # less than min_free is free now
        disk.clear()
"""
import os
import pathlib
import shutil
import tempfile

MARGIN = 256 << 20  # others use /dev/shm, too


class Disk:
    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="alco-disk-", dir="/dev/shm"))
        s = os.statvfs(self.path)
        free = s.f_bavail * s.f_frsize
        assert free > 4 * MARGIN, "this test needs 1 GiB free in /dev/shm"
        self.min_free = ("--min-free", str(free - MARGIN))
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.path)

    def fill(self):
        with open(self.path / "filler", "wb") as f:
            os.posix_fallocate(f.fileno(), 0, 2 * MARGIN)

    def clear(self):
        os.unlink(self.path / "filler")
