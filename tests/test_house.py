"""The house's budgets: sizes, docstrings, and what may be loaded at start-up (modules counted, not seconds)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "countermark"
MODULES = sorted(SOURCE.rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, FUNCTIONS):
            yield node


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A click command's parameters are the command line's."""
    return any("command" in ast.unparse(decorator) for decorator in function.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_is_within_budget(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_are_within_budget(path: Path) -> None:
    for function in functions(path):
        assert function.end_lineno is not None
        assert function.end_lineno - function.lineno < 60, f"{function.name} is too long"
        arguments = function.args
        count = len(
            [arg for arg in [*arguments.posonlyargs, *arguments.args] if arg.arg not in ("self", "cls")]
        )
        assert count + len(arguments.kwonlyargs) <= 6 or is_command(function), (
            f"{function.name} takes too many"
        )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_public_things_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module itself"
    for node in tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def loaded_by(code: str) -> set[str]:
    printed = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {module.partition(".")[0] for module in printed.stdout.split()}


HEAVY = {"numpy", "scipy", "pyarrow", "openai", "anthropic", "inspect_ai", "jinja2"}


def test_help_loads_nothing_heavy() -> None:
    code = "from countermark.cli import run_command; run_command(['--help'])"
    assert not loaded_by(code) & (HEAVY | {"pydantic", "rich", "cryptography"})


def test_verify_loads_nothing_heavy() -> None:
    assert not loaded_by("import countermark.verify") & HEAVY


def test_a_run_of_reference_subjects_loads_no_vendor() -> None:
    code = "from countermark.audit import AuditRequest, make_audit; make_audit(AuditRequest(subjects=[], seed='00'))"
    assert not loaded_by(code) & {"openai", "anthropic", "inspect_ai"}


def test_core_stays_under_thirty_packages() -> None:
    core = (ROOT / "requirements" / "core.txt").read_text()
    assert sum("==" in line for line in core.splitlines()) < 30
    assert not any(line.startswith(("openai=", "anthropic=", "inspect-ai=")) for line in core.splitlines())


def test_no_registry_or_machine_path_in_the_lock() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text()
