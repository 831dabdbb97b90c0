"""What DuckDB, pyarrow and delta-rs make of a lake: the same counts, sums and rows as the log's own API.

lake.py LAKE, with the expected rows on standard input: a JSON array of entries as /api/v1/entries has them, oldest first,
some columns each. Delta gets a table over the same files, in LAKE/_delta_log.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import deltalake
import duckdb
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from deltalake.transaction import AddAction, create_table_with_add_actions

lake = sys.argv[1]
expected = json.load(sys.stdin)
COLUMNS = ["seq", "id", "action", "user", "resource_id", "request_bytes", "recorded_at"]
# Beside the columns of the files, the two of the folders.
PARTITIONS = pyarrow.schema([("log", pyarrow.string()), ("day", pyarrow.string())])
assert len(expected) > 0


def from_duckdb():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    files = f"read_parquet('{lake}/log=*/day=*/*.parquet', hive_partitioning = true)"
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {files}").fetchall()}
    assert types["recorded_at"] == "TIMESTAMP WITH TIME ZONE", types
    days = connection.execute(f"SELECT count(*) FROM {files} WHERE CAST(recorded_at AS DATE) <> CAST(day AS DATE)")
    assert days.fetchone() == (0,), "each row is in the folder of its day"
    origins = connection.execute(f"SELECT DISTINCT log FROM {files}").fetchall()
    assert all("/" in origin and "%" not in origin for (origin,) in origins), origins
    moment = "strftime(recorded_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS recorded_at"
    names = ", ".join(moment if name == "recorded_at" else f'"{name}"' for name in COLUMNS)
    rows = connection.execute(f"SELECT {names} FROM {files} ORDER BY seq").fetchall()
    return [dict(zip(COLUMNS, row)) for row in rows]


def rows_of(table):
    rows = sorted(table.select(COLUMNS).to_pylist(), key=lambda row: row["seq"])
    for row in rows:
        row["recorded_at"] = row["recorded_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return rows


def from_pyarrow():
    hive = pyarrow.dataset.partitioning(PARTITIONS, flavor="hive")
    files = pyarrow.dataset.dataset(lake, partitioning=hive, exclude_invalid_files=True)
    return rows_of(files.to_table())


def from_delta():
    """A table over the same files, made from the manifests: only they say which files are sealed. delta-rs's own conversion of
    folders does not read a name with a percent sign."""
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in Path(lake).glob("log=*/manifests/*.json")]
    files = [(manifest, file) for manifest in manifests for file in manifest["objects"]]
    adds = [
        AddAction(
            path=file["name"],
            size=file["bytes"],
            partition_values={"log": manifest["origin"], "day": manifest["recorded_from"][:10]},
            modification_time=0,
            data_change=True,
            stats=json.dumps({"numRecords": file["rows"]}),
        )
        for manifest, file in files
    ]
    columns = pyarrow.parquet.read_schema(Path(lake) / files[0][1]["name"])
    schema = deltalake.Schema.from_arrow(pyarrow.schema([*columns, *PARTITIONS]))
    create_table_with_add_actions(lake, schema, adds, "error", ["log", "day"])
    table = deltalake.DeltaTable(lake)
    return rows_of(pyarrow.table(deltalake.QueryBuilder().register("lake", table).execute("SELECT * FROM lake")))


for name, read in (("DuckDB", from_duckdb), ("pyarrow", from_pyarrow), ("delta-rs", from_delta)):
    found = read()
    assert len(found) == len(expected), f"{name}: {len(found)} rows and not {len(expected)}"
    for row, entry in zip(found, expected):
        wanted = {column: entry[column] for column in COLUMNS}
        assert row == wanted, f"{name}: {row} is not {wanted}"
    for column in ("action", "user"):
        assert Counter(row[column] for row in found) == Counter(entry[column] for entry in expected), (name, column)
    total = sum(row["request_bytes"] or 0 for row in found)
    assert total == sum(entry["request_bytes"] or 0 for entry in expected), (name, total)
    print(f"{name}: {len(found)} rows")
