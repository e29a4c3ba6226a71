"""`trials.parquet`: one row a final trial, derived from the records alone; what analysts read."""

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from countermark.records import TrialRecord

_PLAIN = ("slot", "item", "epoch", "attempt", "calls")
_TEXT = ("subject", "test", "scenario", "arm", "cluster", "reason", "grader", "started", "ended")


def write_table(records: Sequence[TrialRecord], path: Path) -> None:
    """Write the final trials in slot order; labels become nullable columns `label_*`, published ones `published_*`."""
    import pyarrow as pa
    from pyarrow import parquet

    assert {*_PLAIN, *_TEXT} <= {field.name for field in fields(TrialRecord)}
    rows = sorted((record for record in records if record.final), key=lambda record: record.slot)
    columns: dict[str, object] = {
        name: [getattr(row, name) for row in rows] for name in (*_TEXT[:3], *_PLAIN)
    }
    columns |= {name: [getattr(row, name) for row in rows] for name in _TEXT[3:]}
    columns["status"] = [str(row.status) for row in rows]
    columns["outcome"] = [str(row.outcome) for row in rows]
    columns["input_tokens"] = [row.usage.input_tokens for row in rows]
    columns["output_tokens"] = [row.usage.output_tokens for row in rows]
    for name in sorted({label for row in rows for label in row.labels}):
        columns[f"label_{name}"] = pa.array([row.labels.get(name) for row in rows], pa.bool_())
    for name in sorted({label for row in rows for label in row.published}):
        columns[f"published_{name}"] = pa.array([row.published.get(name) for row in rows], pa.bool_())
    columns["tags"] = pa.array([list(row.tags.items()) for row in rows], pa.map_(pa.string(), pa.string()))
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    parquet.write_table(pa.table(columns), draft, compression="zstd")
    draft.replace(path)
