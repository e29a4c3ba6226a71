"""Trials that count, by arm; arrays of names and labels, checked and grouped: what every number on raw trials begins with."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from countermark.errors import AnalysisError
from countermark.records import Outcome, TrialRecord

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    BoolArray = npt.NDArray[np.bool_]
    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]
    Labels = Sequence[bool] | Sequence[int] | BoolArray | IntArray
    Names = Sequence[Hashable] | npt.NDArray[np.generic]
    Numbers = Sequence[float] | FloatArray
else:
    # For those who read annotations at run time; numpy stays unloaded.
    Labels = Names = Numbers = Sequence

Key = TypeVar("Key", bound=Hashable)


def final_graded(
    records: Iterable[TrialRecord], key: Callable[[TrialRecord], Key]
) -> dict[Key, list[TrialRecord]]:
    """The final records that were graded, by what `key` makes of each, in the order given; keys without any are not there."""
    found: dict[Key, list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.final and record.outcome is Outcome.GRADED:
            found[key(record)].append(record)
    return dict(found)


def arm_of(record: TrialRecord) -> tuple[str, str, str]:
    """Subject, test and arm."""
    return record.subject, record.test, record.arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Rows of two subjects that belong together: positions in each's arrays, and how many have no counterpart."""

    rows_a: "IntArray"
    rows_b: "IntArray"
    only_a: int
    only_b: int


def numbers_of(values: Numbers | Labels, what: str) -> "FloatArray":
    """The values as a flat array of finite numbers.

    Args:
        values: Shape (n,), n at least 1.
        what: What they are, for the message.
    Raises:
        AnalysisError: Text, a value missing or not finite, more than one dimension, none at all.
    """
    import numpy as np

    try:
        raw = np.asarray(values)
        found = raw.astype(np.float64) if raw.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        found = None
    if found is None or found.ndim != 1:
        raise AnalysisError(f"{what}: no flat array of numbers", hint="give one number for each trial")
    if not found.size:
        raise AnalysisError(
            f"{what}: none at all", hint="nothing was measured, so there is no number to give"
        )
    if not np.isfinite(found).all():
        raise AnalysisError(
            f"{what}: {int((~np.isfinite(found)).sum())} of {found.size} are missing or not finite",
            hint="leave trials without a verdict out and count them beside the metric",
        )
    return found


def labels_of(values: Labels, what: str = "labels") -> "BoolArray":
    """The labels as a flat array of booleans.

    Raises:
        AnalysisError: As `numbers_of`, and any value other than 0 and 1.
    """
    import numpy as np

    found = numbers_of(values, what)
    odd = (found != 0) & (found != 1)
    if odd.any():
        raise AnalysisError(
            f"{what}: {int(odd.sum())} of {found.size} are neither 0 nor 1, the first is {found[odd][0]:g}",
            hint="a label is carried or not; for outcomes between 0 and 1 use graded_rate",
        )
    labels: BoolArray = found.astype(np.bool_)
    return labels


def codes_of(names: Names, what: str) -> tuple["IntArray", int]:
    """A whole number from 0 for each name, and how many names there are.

    Args:
        names: Shape (n,), text or whole numbers (tuples of these too).
        what: What they name, for the message.
    Raises:
        AnalysisError: A name is missing or a floating-point number (NaN would be a cluster of its own).
    """
    import numpy as np

    if isinstance(names, np.ndarray) and names.ndim == 1 and names.dtype.kind in "iu":
        found, codes = np.unique(names, return_inverse=True)
        return codes.astype(np.int64), int(found.size)
    index: dict[Hashable, int] = {}
    listed = names.tolist() if isinstance(names, np.ndarray) else names
    try:
        coded = [index.setdefault(name, len(index)) for name in listed]
    except TypeError as error:
        raise AnalysisError(f"{what}: no flat list of names", hint="give one name for each trial") from error
    if any(name is None or isinstance(name, float) for name in index):
        raise AnalysisError(f"{what}: a name is missing or a float", hint="name by text or whole numbers")
    return np.array(coded, dtype=np.int64), len(index)


def same_length(**lengths: int) -> None:
    """Refuse arrays that cannot belong to the same trials.

    Raises:
        AnalysisError: The lengths differ; the message names each.
    """
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in lengths.items())
        raise AnalysisError(told, hint="every array needs one value for each trial, in the same order")


def matched(keys_a: Names, keys_b: Names) -> Matched:
    """Bring two subjects' graded trials into the same order; those without a counterpart are counted, not used.

    Args:
        keys_a: Shape (n,), what identifies a trial across subjects: (scenario, epoch), say.
        keys_b: Shape (m,), the same of the other subject.
    Returns:
        Positions in order of A's array.
    Raises:
        AnalysisError: A key stands twice, or no key is in both.
    """
    import numpy as np

    listed = [keys.tolist() if isinstance(keys, np.ndarray) else list(keys) for keys in (keys_a, keys_b)]
    places_a, places_b = ({key: place for place, key in enumerate(keys)} for keys in listed)
    if len(places_a) < len(listed[0]) or len(places_b) < len(listed[1]):
        raise AnalysisError(
            "the same scenario and epoch stands twice", hint="give each trial once for each subject"
        )
    common = [key for key in places_a if key in places_b]
    if not common:
        raise AnalysisError("no trial in common", hint="compare subjects on the same scenarios and epochs")
    return Matched(
        rows_a=np.array([places_a[key] for key in common], dtype=np.int64),
        rows_b=np.array([places_b[key] for key in common], dtype=np.int64),
        only_a=len(places_a) - len(common),
        only_b=len(places_b) - len(common),
    )
