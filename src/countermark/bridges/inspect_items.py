"""Items from a dataset of Inspect's: the samples of a task (of `inspect_evals`, say) as a file of items for `run --items`.

Only what is on this machine is read: while a task is made, connections to anywhere else are refused and the hub libraries are told
that they are offline. The task is a stranger's code and runs in this process, as it would under `inspect eval`.
"""

import json
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark.errors import MissingExtra, UsageError
from countermark.files import write_atomic
from countermark.issues import Issues

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Dataset, Sample

MAX_SAMPLES = 100_000
_MAX_FAULTS = 100
_MAX_TEXT = 20_000
_TAGS = (
    "category",
    "subcategory",
    "semantic_category",
    "type",
    "label",
    "language",
    "source",
    "functional_category",
)
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
_HERE = {"localhost", "127.0.0.1", "::1"}


def write_items(task: str, out: Path, *, arguments: Mapping[str, str] | None = None) -> int:
    """Write the samples of a task's dataset as JSONL; how many there are.

    Args:
        task: `package/name`, as `inspect eval` takes it; the package is installed already.
        out: A file that is not there yet; its name ends in `.jsonl`.
        arguments: The task's own, as texts.

    Raises:
        MissingExtra: Inspect is not installed.
        UsageError: There is no such task, it could not be made from what is on this machine, or `out` is there.
        InvalidDocument: With every sample that is no single text.
    """
    if out.suffix != ".jsonl":
        raise UsageError(f"{out} does not end in .jsonl", hint="name a file such as items.jsonl")
    if out.exists():
        raise UsageError(f"{out} is there already", hint="choose another --out")
    rows = list(item_rows(load_task(task, arguments or {}).dataset))
    lines = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
    write_atomic(out, lines.encode(), mode=0o600)
    return len(rows)


def load_task(name: str, arguments: Mapping[str, str]) -> "Task":
    """The task made, without any network. Raises `MissingExtra` and `UsageError`."""
    try:
        from inspect_ai import Task
        from inspect_ai.util import registry_create
    except ImportError as error:
        raise MissingExtra(
            "a task of Inspect's needs Inspect", hint="pip install 'countermark[inspect]'"
        ) from error
    with offline():
        try:
            made = registry_create("task", name, **arguments)
        except LookupError as error:
            raise UsageError(f"Inspect knows no task {name!r}", hint="is its package installed?") from error
        except Exception as error:  # a stranger's code may raise anything
            raise UsageError(
                f"the task {name!r} could not be made here: {type(error).__name__}: {str(error)[:300]}",
                hint="its data must be on this machine already; nothing is fetched",
            ) from error
    assert isinstance(made, Task)
    return made


def item_rows(dataset: "Dataset | Iterable[Sample]") -> Iterator[dict[str, Any]]:
    """Each sample as a row of an items file: prompt, id, answers, and those of its metadata that make tags.

    Raises:
        InvalidDocument: With every sample whose input is not one text of the user's.
    """
    issues, rows = Issues(), []
    for place, sample in enumerate(dataset, 1):
        if place > MAX_SAMPLES:
            issues.add(
                "items-many", "dataset", f"sample {place}", f"is over the {MAX_SAMPLES} that are taken"
            )
            break
        prompt = _prompt(sample)
        if prompt is not None:
            rows.append(_row(sample, prompt, place))
        elif len(issues) < _MAX_FAULTS:
            issues.add(
                "items-input", "dataset", f"sample {sample.id or place}", "is not one text of the user's"
            )
    if not rows and not len(issues):
        issues.add("items-none", "dataset", "", "holds no sample")
    issues.raise_if_any()
    yield from rows


@contextmanager
def offline() -> Iterator[None]:
    """Refuse every look-up of and connection to another machine from Python, and tell the hub libraries that they are offline."""
    looked_up, connected, before = socket.getaddrinfo, socket.socket.connect, dict(os.environ)

    def look_up(host: Any, *rest: Any, **options: Any) -> Any:
        _refuse_elsewhere(host)
        return looked_up(host, *rest, **options)

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            _refuse_elsewhere(address[0])
        connected(self, address)

    os.environ.update(_OFFLINE)
    socket.getaddrinfo, socket.socket.connect = look_up, connect  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        socket.getaddrinfo, socket.socket.connect = looked_up, connected  # type: ignore[method-assign]
        for name in _OFFLINE:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def _refuse_elsewhere(host: Any) -> None:
    shown = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    if host is not None and shown not in _HERE:
        raise ConnectionRefusedError(f"{shown}: nothing is fetched while items are taken")


def _prompt(sample: "Sample") -> str | None:
    """The one text of the user's, or None where there is more to it: system messages, several turns, pictures."""
    if isinstance(sample.input, str):
        text = sample.input
    elif (
        len(sample.input) == 1 and sample.input[0].role == "user" and isinstance(sample.input[0].content, str)
    ):
        text = sample.input[0].content
    else:
        return None
    return text if text.strip() and len(text) <= _MAX_TEXT else None


def _row(sample: "Sample", prompt: str, place: int) -> dict[str, Any]:
    target = [sample.target] if isinstance(sample.target, str) else list(sample.target)
    answers = [one[:2000] for one in target if one.strip()]
    tags = {
        _name(key): str(value)[:200]
        for key, value in (sample.metadata or {}).items()
        if key in _TAGS and isinstance(value, str | int) and str(value).strip()
    }
    told = {"prompt": prompt, "id": str(sample.id if sample.id is not None else f"sample-{place}")[:200]}
    return {**told, **({"answers": answers} if answers else {}), **({"tags": tags} if tags else {})}


def _name(key: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"x_{plain}"
