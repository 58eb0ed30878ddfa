"""The joints as Arrow tables, for Parquet, DuckDB, Polars or Spark (schemas in `tables.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mailripple import counts as counting
from mailripple.counts import Counts
from mailripple.messages import Attempts
from mailripple.outputs.summary import Names
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


def attempts_table(attempts: Attempts) -> pa.Table:
    """The delivery attempts with their types and units (ATTEMPTS)."""
    import pyarrow as pa

    arrays = []
    for row, f in zip(attempts.columns, arrow_schema(ATTEMPTS), strict=True):
        arrays.append(pa.array(row.astype(f.type.to_pandas_dtype()), f.type))
    return pa.Table.from_arrays(arrays, schema=arrow_schema(ATTEMPTS))
