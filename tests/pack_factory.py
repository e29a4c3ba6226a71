"""The worked examples copied where a test may change them, and one edit at a time."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples" / "packs"
NAMES = ("api-model", "open-weights", "reference-subject")
WEIGHTS = EXAMPLES / "example-tiny-weights"


def copied(name: str, target: Path) -> Path:
    """A copy of an example."""
    shutil.copytree(EXAMPLES / name, target)
    return target


def edit(folder: Path, name: str, change: Callable[[Any], None]) -> None:
    """Change one JSON file of a pack in place."""
    value = json.loads((folder / name).read_text())
    change(value)
    (folder / name).write_text(json.dumps(value))
