"""Records through a real searchd: what comes back is the same to the byte.

Method: tests/property/prop_row.c makes rows of random, often hostile records; they are inserted, read
back, and given to it again. The seed is printed; ALCO_SEED repeats it, ALCO_ROWS says how many.
"""
import os
import random
import subprocess

import pymysql
import pytest
from searchd_help import Searchd

PROGRAM = os.environ["PROP_ROW"]
ROWS = int(os.environ.get("ALCO_ROWS", "3000"))
TABLE = ["rt_field = logline", "rt_field = js", "rt_attr_string = logline", "rt_attr_json = js",
         "rt_attr_string = src", "rt_mem_limit = 1M"]


def sql_string(raw):
    return b"'" + raw.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'"


@pytest.fixture
def node(tmp_path):
    s = Searchd(tmp_path, {"rows": TABLE})
    yield s
    s.stop()


def test_rows_come_back_to_the_byte(node):
    seed = int(os.environ.get("ALCO_SEED", random.randrange(1 << 40)))
    print("seed", seed)
    encoded = subprocess.run([PROGRAM, "--encode", str(seed), str(ROWS)], check=True, stdout=subprocess.PIPE,
                             text=True).stdout.splitlines()
    link = pymysql.connect(host="127.0.0.1", port=node.port, user="", autocommit=True, use_unicode=False)
    content = {}
    with link.cursor() as cursor:
        for line in encoded:
            number, content_hash, *columns = line.split(" ")
            if int(number) in content:
                continue  # an engine gives each its own
            content[int(number)] = content_hash
            values = b",".join(sql_string(bytes.fromhex(c)) for c in columns)
            cursor.execute(b"INSERT INTO rows (id, logline, js, src) VALUES (%s,%s)" % (number.encode(), values))
        back = []
        for number in content:
            cursor.execute("SELECT logline, js, src FROM rows WHERE id=%d" % number)
            (row,) = cursor.fetchall()
            back.append(" ".join([str(number), content[number]] + [(c or b"").hex() for c in row]))
    link.close()
    said = subprocess.run([PROGRAM, "--decode"], input="\n".join(back) + "\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert said.returncode == 0, said.stdout
    assert said.stdout == "%d rows are as they were\n" % len(content)
    assert len(content) > ROWS / 2
