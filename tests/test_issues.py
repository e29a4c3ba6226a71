"""Faults are gathered and raised together."""

import pytest

from countermark.errors import CountermarkError, InvalidDocument
from countermark.issues import Issues


def test_all_faults_at_once() -> None:
    issues = Issues()
    issues.raise_if_any()
    issues.add("code-a", "file.yaml", "/x", "is wrong", "mend it")
    issues.add("code-b", "file.yaml", "", "is missing")
    with pytest.raises(InvalidDocument) as caught:
        issues.raise_if_any()
    assert caught.value.codes == ["code-a", "code-b"]
    assert caught.value.faults[0] == "file.yaml: /x: [code-a] is wrong; mend it"
    assert caught.value.exit_code == 2


def subclasses(kind: type) -> list[type]:
    return [kind, *(deeper for direct in kind.__subclasses__() for deeper in subclasses(direct))]


def test_every_error_has_an_exit_code() -> None:
    assert {kind.exit_code for kind in subclasses(CountermarkError)} <= {1, 2, 3, 4}
