"""Candidates that a real searchd gives for random queries.

Goal: whatever the naive matcher takes is among the rows that searchd gives for the planned question;
no question is refused.
Method: prop_candidates --dump prints random rows, queries, what is to be asked for them and which
rows match (PROP_CANDIDATES names it, `./dev test` sets that). The rows go into tables made like a
day's, one a kind of schema; every query is asked. The seed is printed; ALCO_SEED repeats a run,
ALCO_ROUNDS says how many there are.
"""
import json
import os
import pathlib
import random
import subprocess

import pytest

from searchd_help import Searchd, sql_string

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get(
    "PROP_CANDIDATES", str(ROOT / "build" / "release" / "tests" / "property" / "prop_candidates"))
SEED = int(os.environ.get("ALCO_SEED", random.SystemRandom().randrange(1 << 32)))
ROUNDS = int(os.environ.get("ALCO_ROUNDS", "12"))
"""Rounds take turns with the tables of prop_candidates.c: six in a row know them all."""
TABLES = 6


def dump(number):
    out = subprocess.run([PROGRAM, "--dump", str(number), str(SEED)], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    lines = [json.loads(line) for line in out.decode().split("\n") if line]
    rows = [x for x in lines[1:] if "id" in x]
    return lines[0], rows, [x for x in lines[1:] if "query" in x]


def table_conf(table):
    lines = ["rt_field = logline", "rt_attr_string = logline", "rt_attr_json = js",
             "rt_attr_string = src", f"charset_table = {table['charset_table']}",
             f"min_word_len = {table['min_word_len']}"]
    if table["has_js_text"]:
        lines.append("rt_field = js")
    if table["has_column"]:
        lines.append("rt_field = exc_info")
    if table["min_infix_len"]:
        lines += ["rt_field = long_words", f"min_infix_len = {table['min_infix_len']}"]
    return lines


@pytest.fixture(scope="module")
def searchd(tmp_path_factory):
    tables = {}
    for number in range(TABLES):
        table = dump(number)[0]
        tables[table["table"]] = table_conf(table)
    s = Searchd(tmp_path_factory.mktemp("searchd"), tables)
    yield s
    s.stop()


def fill(s, table, rows):
    columns = ["id", "logline", "js", "src"] + (["exc_info"] if table["has_column"] else []) + (
        ["long_words"] if table["min_infix_len"] else [])
    s.ask(f"TRUNCATE RTINDEX {table['table']}")
    for row in rows:
        values = [str(row["id"])] + [sql_string(row[c]) for c in columns[1:]]
        s.ask(f"INSERT INTO {table['table']} ({','.join(columns)}) VALUES ({','.join(values)})")
    if random.Random(rows[0]["js"]).random() < 0.5:  # half in memory, half on disk
        s.ask(f"FLUSH RAMCHUNK {table['table']}")


def question(table, query):
    match = f" AND MATCH({sql_string(query['match'])})" if query["match"] else ""
    cond = (f", ({query['where']}) AS c", " AND c=1") if query["where"] else ("", "")
    return (f"SELECT id{cond[0]} FROM {table['table']} WHERE id>0{match}{cond[1]} "
            "ORDER BY id ASC LIMIT 1000")


def test_candidates_hold_all_matches(searchd):
    print("ALCO_SEED", SEED)
    n_matches = n_candidates = n_rows = n_useful = 0
    for number in range(ROUNDS):
        table, rows, queries = dump(number)
        fill(searchd, table, rows)
        for query in queries:
            sql = question(table, query)
            found = {row[0] for row in searchd.ask(sql)}
            missed = set(query["matches"]) - found
            assert not missed, (number, query, sql, [r for r in rows if r["id"] in missed][0])
            if query["match"] or query["where"]:
                n_useful += 1
                n_matches += len(query["matches"])
                n_candidates += len(found)
                n_rows += len(rows)
    print(f"{n_useful} useful queries: {n_matches} matches, {n_candidates} candidates, "
          f"{n_rows} rows")
    assert n_useful > 0 and n_candidates < n_rows / 2
