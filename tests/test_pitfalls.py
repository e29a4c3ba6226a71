"""What is never done anywhere in the source, whatever a stranger's file asks for."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "countermark"
NEVER = {
    "extractall": "zipfile rewrites names that climb without a word; nothing is ever unpacked to disk",
    "unpack_archive": "the same",
    "eval": "nothing that was read is run",
    "exec": "the same",
    "marshal": "the same",
    "pickle": "the same: a pickle is a program",
    "tarfile": "its members may be links and devices",
    "full_load": "PyYAML's unsafe loaders make objects",
    "unsafe_load": "the same",
    "model_signing": "lets the signer choose what is ignored: its bundles are read by pack.model_signature",
}


def names(tree: ast.AST) -> Iterator[str]:
    """What is called, imported or looked up as an attribute of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.name.partition(".")[0] for alias in node.names)
            yield from [(node.module or "").partition(".")[0]] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def uses(text: str) -> set[str]:
    return set(names(ast.parse(text))) & set(NEVER)


def test_none_of_it() -> None:
    found = {str(path.relative_to(SOURCE)): uses(path.read_text()) for path in SOURCE.rglob("*.py")}
    assert {name: used for name, used in found.items() if used} == {}


def test_it_would_be_noticed() -> None:
    assert uses("import pickle\nz.extractall()\nfrom tarfile import open\neval('1')") == {
        "pickle", "extractall", "tarfile", "eval",
    }  # fmt: skip


def test_yaml_is_loaded_strictly() -> None:
    """By `strict_yaml.load`, or by a loader made from its own."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called.startswith("yaml.") and "load" in called:
                given = [ast.unparse(one) for one in ast.walk(node) if isinstance(one, ast.keyword)]
                assert (called, given) == ("yaml.load", ["Loader=_RawLabels"]), path
