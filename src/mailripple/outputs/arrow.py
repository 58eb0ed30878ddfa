"""The joints as Arrow tables, for Parquet, DuckDB, Polars or Spark (schemas in `tables.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mailripple import counts as counting
from mailripple.counts import Counts
from mailripple.outputs.summary import Names
from mailripple.parse import layout as L
from mailripple.tables import ATTEMPTS, COUNTS, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa


def counts_table(counts: Counts, names: Names) -> pa.Table:
    """Counts as tidy rows (COUNTS), zeros left out, sorted by all key columns: servers by the minute, others by 10."""
    import pyarrow as pa

    rows = [*_server_rows(counts, names), *_entity_rows(counts, names)]
    rows.sort()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COUNTS)
    schema = arrow_schema(COUNTS)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _server_rows(counts: Counts, names: Names) -> list[tuple[Any, ...]]:
    out = []
    for server, minute, values in zip(counts.server.tolist(), counts.minute.tolist(), counts.values, strict=True):
        for i in np.flatnonzero(values).tolist():
            start = minute * counting.SERVER_WINDOW_S
            out.append((start, 60, "server", names.text(server), counting.METRIC_NAMES[i], int(values[i])))
    return out


def _entity_rows(counts: Counts, names: Names) -> list[tuple[Any, ...]]:
    total: dict[tuple[Any, ...], int] = {}
    for part in counts.cells.parts():
        for row in part:
            kind, window = int(row["tag"]) & 0xFF, int(row["tag"]) >> 8
            entity = names.text(int(row["key"])) if kind in {3, 4} else names.address(int(row["key"]))
            for metric, n in _metrics(kind, row["n"]):
                key = (window * counting.WINDOW_S, counting.WINDOW_S, _KINDS[kind], entity, metric)
                total[key] = total.get(key, 0) + n
    return [(*key, n) for key, n in total.items()]


_KINDS = {1: "client_ip", 2: "client_ip", 3: "account", 4: "rcpt_domain"}


def _metrics(kind: int, values: npt.NDArray[np.uint16]) -> list[tuple[str, int]]:
    if kind == counting.DNS_CLIENT:
        named = zip(counting.CLIENT_METRICS, values[10:].tolist(), strict=True)
        found = [("dns.query", int(values[:10].sum())), *named]
    else:
        found = list(zip(counting.ENTITY_METRICS, values.tolist(), strict=True))
    return [(metric, n) for metric, n in found if n]


def attempts_table(columns: npt.NDArray[np.int64], source: int, lines_before: int = 0) -> pa.Table:
    """The delivery attempts among stitched events (ATTEMPTS); `columns` (14, n) int64, `source` the source's rank.

    `lines_before` lines of the source before the piece that the events are of: so `order` is unique in a run.
    """
    import pyarrow as pa

    col = {name: columns[i] for name, i in L.COL.items()}
    flags = col["flags"]
    chosen = (flags & L.F_ATTEMPT != 0) & (flags & (L.F_DSN | L.F_INTERNAL) == 0)
    code = col["code"]
    made = {
        "ts": col["ts"],
        "order": (source << 40) + lines_before + (col["line"] >> 32),
        "server": col["server"],
        "queue_hash": col["queue"],
        "client_ip": col["client"],
        "account": col["account"],
        "env_from": col["sender"],
        "rcpt_domain": col["name"],
        "first": flags & L.F_FIRST != 0,
        "status": (code >> 8 & 0xFF).astype(np.int8),
        "dsn": (code >> 24 & 15).astype(np.int8),
    }
    schema = arrow_schema(ATTEMPTS)
    return pa.Table.from_arrays([pa.array(made[f.name][chosen], f.type) for f in schema], schema=schema)
