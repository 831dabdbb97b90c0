"""What DuckDB and pandas make of an export: counts, types and every value, against what was recorded.

read.py FOLDER, where export.csv, export.jsonl and export.parquet are, with rows.json: the expected rows, oldest first,
each with the values of some columns.
"""

import json
import sys
from pathlib import Path

import duckdb
import pandas

folder = Path(sys.argv[1])
rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
files = {kind: str(folder / f"export.{kind}") for kind in ("csv", "jsonl", "parquet")}

# The column's type in DuckDB and in pandas, by the kind of file. JSON Lines has no type for moments.
MOMENT = {"csv": "TIMESTAMP", "jsonl": "TIMESTAMP", "parquet": "TIMESTAMP WITH TIME ZONE"}
DUCKDB = {"seq": "BIGINT", "duration_us": "BIGINT", "has_payload": "BOOLEAN", "user": "VARCHAR", "tool": "VARCHAR"}
PANDAS = {"seq": "int64", "has_payload": "bool", "user": "str", "tool": "str"}


def plain(text):
    """A text of a CSV file without the apostrophe that keeps spreadsheets from computing it."""
    return text[1:] if isinstance(text, str) and text.startswith("'") else text


def same(kind, tool, column, found, expected):
    if kind == "csv":
        found = plain(found)
        if isinstance(expected, str):
            expected = expected.replace("\0", "\ufffd")
    assert found == expected, f"{tool}, {kind}, {column}: {found!r} is not {expected!r}"


def from_duckdb(kind, path):
    reader = {
        "csv": "read_csv(?, all_varchar = false)",
        "jsonl": "read_json(?, format = 'newline_delimited')",
        "parquet": "read_parquet(?)",
    }[kind]
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    types = connection.execute(f"DESCRIBE SELECT * FROM {reader}", [path]).fetchall()
    types = {name: kind for name, kind, *_ in types}
    for column, expected in {**DUCKDB, "occurred_at": MOMENT[kind], "recorded_at": MOMENT[kind]}.items():
        assert types[column].startswith(expected), f"DuckDB, {kind}: {column} is {types[column]} and not {expected}"
    # As texts, since DuckDB needs one more library to hand moments to Python.
    moments = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in ("occurred_at", "recorded_at"))
    relation = connection.execute(f"SELECT * REPLACE ({moments}) FROM {reader} ORDER BY seq", [path])
    names = [column[0] for column in relation.description]
    return [dict(zip(names, row)) for row in relation.fetchall()]


def from_pandas(kind, path):
    moments = ["occurred_at", "recorded_at"]
    table = {
        # Only an empty cell is none; a tool may be called null.
        "csv": lambda: pandas.read_csv(path, parse_dates=moments, keep_default_na=False, na_values=[""]),
        "jsonl": lambda: pandas.read_json(path, lines=True, convert_dates=moments),
        "parquet": lambda: pandas.read_parquet(path),
    }[kind]()
    for column, expected in PANDAS.items():
        assert table[column].dtype == expected, f"pandas, {kind}: {column} is {table[column].dtype}"
    for column in moments:
        assert str(table[column].dtype).startswith("datetime64["), f"pandas, {kind}: {table[column].dtype}"
        assert str(table[column].dt.tz) == "UTC", f"pandas, {kind}: {table[column].dt.tz}"
    return table.astype(object).where(table.notna(), None).to_dict("records")


def payload(row, member):
    """Of CSV and Parquet a column, of JSON Lines a member of one."""
    if "payload" not in row:
        return row[member]
    inner = row["payload"]
    inner = json.loads(inner) if isinstance(inner, str) else inner
    return None if inner is None else inner[member]


for kind, path in files.items():
    for tool, read in (("DuckDB", from_duckdb), ("pandas", from_pandas)):
        found = read(kind, path)
        assert len(found) == len(rows), f"{tool}, {kind}: {len(found)} rows and not {len(rows)}"
        for row, expected in zip(found, rows):
            for column, value in expected.items():
                if column in ("request", "response"):
                    same(kind, tool, column, payload(row, column), value)
                elif column == "occurred_at":
                    moment = pandas.Timestamp(row[column])
                    moment = moment.tz_localize("UTC") if moment.tz is None else moment
                    same(kind, tool, column, moment, pandas.Timestamp(value))
                else:
                    same(kind, tool, column, row[column], value)
        print(f"{tool}: {kind}, {len(found)} rows")
