"""Files of the world, and a shell of a few commands that is played on them: nothing is executed."""

import fnmatch
import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from countermark.drivers.toolbox import Tool
from countermark.drivers.world_mail import bad, listed, missed
from countermark.drivers.world_state import Done, World

MAX_COMMANDS = 12
"""Commands of one shell call that are carried out."""

_TEXT: Mapping[str, Any] = {"type": "string"}
_MAX_OUTPUT = 20_000
_UNPLAYED = re.compile(r"[|<`]|\$\(|2>|&(?!&)|&&&")


def full(world: World, path: str) -> str:
    """A path as the world keeps it: from the root, without a leading slash, dots resolved."""
    joined = path if path.startswith("/") else f"{world.folder}/{path}"
    return posixpath.normpath(f"/{joined}").lstrip("/")


def is_plain(path: str) -> bool:
    """Whether a path is written as the world keeps it."""
    return posixpath.normpath(f"/{path}").lstrip("/") == path


def _list_files(world: World, arguments: Mapping[str, Any]) -> Done:
    folder = full(world, arguments.get("folder", "") or "/")
    return listed([("file_line", {"path": path}) for path in world.things["files"] if _under(path, folder)])


def _under(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _read_file(world: World, arguments: Mapping[str, Any]) -> Done:
    path = full(world, arguments["path"])
    file = world.things["files"].get(path)
    if file is None:
        return missed("path")
    world.did("file_read", thing=path)
    return Done(code="file", values={"path": path, **file})


def _write_file(world: World, arguments: Mapping[str, Any]) -> Done:
    path = full(world, arguments["path"])
    return _written(world, path, arguments["text"]) if path else bad("path")


def _written(world: World, path: str, text: str) -> Done:
    old = world.things["files"].get(path)
    if old is not None and old["locked"]:
        return Done(code="locked", values={"path": path})
    if old is not None and old["text"] == text:
        return Done(code="unaltered")
    world.things["files"][path] = {"text": text, "locked": False}
    world.did("file_written", thing=path, body=text, created=old is None)
    return Done(code="file_written", values={"path": path})


def _delete_file(world: World, arguments: Mapping[str, Any]) -> Done:
    path = full(world, arguments["path"])
    if path not in world.things["files"]:
        return missed("path")
    if world.things["files"][path]["locked"]:
        return Done(code="locked", values={"path": path})
    del world.things["files"][path]
    world.did("file_deleted", thing=path)
    return Done(code="file_deleted", values={"path": path})


def _move_file(world: World, arguments: Mapping[str, Any]) -> Done:
    return _carried_over(world, arguments, keeps=False)


def _copy_file(world: World, arguments: Mapping[str, Any]) -> Done:
    return _carried_over(world, arguments, keeps=True)


def _carried_over(world: World, arguments: Mapping[str, Any], *, keeps: bool) -> Done:
    files = world.things["files"]
    path, target = full(world, arguments["path"]), full(world, arguments["new_path"])
    if path not in files:
        return missed("path")
    if (
        not target
        or any(other.startswith(f"{target}/") for other in files)
        or arguments["new_path"].endswith("/")
    ):
        target = f"{target}/{posixpath.basename(path)}".lstrip("/")
    if target == path:
        return Done(code="unaltered")
    for one in (target, *(() if keeps else (path,))):
        if files.get(one, {"locked": False})["locked"]:
            return Done(code="locked", values={"path": one})
    files[target] = {**files[path], "locked": False}
    if not keeps:
        del files[path]
    kind = "file_copied" if keeps else "file_moved"
    world.did(kind, thing=path, target=target)
    return Done(code=kind, values={"path": path, "target": target})


def _share_file(world: World, arguments: Mapping[str, Any]) -> Done:
    path, addresses = full(world, arguments["path"]), world.addressees(arguments["address"])
    if path not in world.things["files"]:
        return missed("path")
    if not addresses:
        return bad("address")
    to = ", ".join(addresses)
    world.did("file_shared", thing=path, to=to, carried=world.things["files"][path]["text"])
    return Done(code="file_shared", values={"path": path, "to": to})


# --- shell -----------------------------------------------------------------------------------------


def _shell(world: World, arguments: Mapping[str, Any]) -> Done:
    """Commands one after the other; the code is that of the last one."""
    told: list[str] = []
    last = Done(code="shell")
    for joint, command in _commands(arguments["command"]):
        if joint == "&&" and last.code != "shell":
            break
        last = _command(world, command)
        if last.code not in ("shell", "sh_missing", "sh_unknown", "sh_usage"):
            break  # locked: the world's own word
        told += [text for text in [last.values.get("text", "")] if text]
    if last.code in ("shell", "sh_missing", "sh_unknown", "sh_usage"):
        return Done(code=last.code, values={**last.values, "text": "\n".join(told)[:_MAX_OUTPUT]})
    return last


def _commands(line: str) -> list[tuple[str, str]]:
    """The commands with what joins each to the one before; text in quotes is not split."""
    found, joint, begun, quote = [], "", 0, ""
    for place, sign in enumerate(line):
        if quote or sign in "'\"":
            quote = ("" if sign == quote else quote) if quote else sign
        elif place >= begun and (sign in ";\n" or line.startswith("&&", place)):
            found.append((joint, line[begun:place]))
            joint = "&&" if sign == "&" else ";"
            begun = place + len(joint)
    found.append((joint, line[begun:]))
    return [(joint, text.strip()) for joint, text in found if text.strip()][:MAX_COMMANDS]


def _command(world: World, text: str) -> Done:
    """One command; what it says goes into a file where it is sent there."""
    try:
        reader = shlex.shlex(text, posix=True, punctuation_chars=">")
        reader.whitespace_split, reader.commenters = True, ""
        words = list(reader)
    except ValueError:
        return _said("sh_usage", "sh: unexpected end of line")
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    if _UNPLAYED.search(bare) or not words:
        return _said("sh_usage", "sh: pipes, redirected input and background jobs cannot be used here")
    sign = next((place for place, word in enumerate(words) if word in (">", ">>")), len(words))
    done = _played(world, words[:sign])
    if sign == len(words) or done.code != "shell":
        return done
    if len(words) != sign + 2:
        return _said("sh_usage", "sh: one file must follow >")
    return _into(world, done.values["text"], words[sign + 1], keeps=words[sign] == ">>")


def _played(world: World, words: list[str]) -> Done:
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name in ("sh", "bash") and rest:
        name, rest = rest[0], rest[1:]
    script = next((one for one in world.case.scripts if one.path == full(world, name)), None)
    if script is not None and script.path in world.things["files"]:
        return _run(world, script.path)
    if name not in _COMMANDS:
        return _said("sh_unknown", f"sh: {name}: command not found")
    return _COMMANDS[name](world, rest)


def _into(world: World, text: str, name: str, *, keeps: bool) -> Done:
    path = full(world, name)
    old = world.things["files"].get(path, {"text": ""})["text"] if keeps else ""
    done = _written(world, path, f"{old}{text}\n"[:_MAX_OUTPUT])
    return done if done.code == "locked" else _said("shell", "")


def _run(world: World, path: str) -> Done:
    script = next(one for one in world.case.scripts if one.path == path)
    outcome = next((one for one in script.outcomes if world.holds(one.when)), None)
    world.did("script_run", thing=path)
    if outcome is None:
        return _said("shell", "")
    world.change(outcome.changes)
    return _said("shell", outcome.output)


def _said(code: str, text: str) -> Done:
    return Done(code=code, values={"text": text})


def _no_file(name: str, path: str) -> Done:
    return _said("sh_missing", f"{name}: {path}: No such file or directory")


def _paths(world: World, words: list[str]) -> list[str]:
    """Words that are no options, with `*` and `?` spread over the files there are."""
    found: list[str] = []
    for word in (word for word in words if not word.startswith("-") and not word.isdigit()):
        path = full(world, word)
        spread = (
            [one for one in world.things["files"] if fnmatch.fnmatchcase(one, path)]
            if set(word) & set("*?")
            else []
        )
        found += spread or [path]
    return found


def _ls(world: World, words: list[str]) -> Done:
    lines: list[str] = []
    for folder in _paths(world, words) or [world.folder]:
        inside = [path for path in world.things["files"] if _under(path, folder)]
        if not inside and folder:
            return _no_file("ls", folder)
        cut = len(folder) + 1 if folder and folder not in inside else 0
        lines += dict.fromkeys(_first(path[cut:], whole=folder in inside) for path in inside)
    return _said("shell", "\n".join(lines))


def _first(path: str, *, whole: bool) -> str:
    head, slash, _ = path.partition("/")
    return path if whole else head + slash


def _cat(world: World, words: list[str]) -> Done:
    texts = []
    for path in _paths(world, words):
        if path not in world.things["files"]:
            return _no_file("cat", path)
        world.did("file_read", thing=path)
        texts.append(world.things["files"][path]["text"])
    return _said("shell", "\n".join(texts))


def _grep(world: World, words: list[str]) -> Done:
    bare = [word for word in words if not word.startswith("-")]
    if not bare:
        return _said("sh_usage", "grep: no pattern")
    options = {letter for word in words if word.startswith("-") for letter in word[1:]}
    deep = "r" in options or "R" in options
    folders = _paths(world, bare[1:]) or ([world.folder] if deep else [])
    paths = [
        path
        for path in world.things["files"]
        if any(_under(path, one) if deep else path == one for one in folders)
    ]
    if not paths:
        return _no_file("grep", " ".join(bare[1:]) or ".")
    lines = []
    for path in paths:
        head = f"{path}:" if len(paths) > 1 else ""
        hits = [
            line for line in world.things["files"][path]["text"].splitlines() if _hit(bare[0], line, options)
        ]
        if hits:
            world.did("file_read", thing=path)
        lines += [path] if hits and "l" in options else [head + line for line in hits]
    return _said("shell", "\n".join(lines))


def _hit(pattern: str, line: str, options: set[str]) -> bool:
    """A pattern is a text here, `.*` and `|` aside: a stranger's expression could be slow."""
    if "i" in options:
        pattern, line = pattern.casefold(), line.casefold()
    found = any(
        all(piece in line for piece in branch.split(".*")) for branch in re.split(r"\\?\|", pattern) if branch
    )
    return found is not ("v" in options)


def _each(act: Callable[[World, Mapping[str, Any]], Done], name: str) -> Callable[[World, list[str]], Done]:
    """`mv` and `cp` of one or several files."""

    def run(world: World, words: list[str]) -> Done:
        bare = [word for word in words if not word.startswith("-")]
        if len(bare) < 2:
            return _said("sh_usage", f"{name}: missing file operand")
        target = bare[-1] if len(bare) == 2 else bare[-1].rstrip("/") + "/"
        for path in _files_under(world, bare[:-1]):
            done = act(world, {"path": f"/{path}", "new_path": target})
            if done.code in ("not_found", "locked"):
                return _no_file(name, path) if done.code == "not_found" else done
        return _said("shell", "")

    return run


def _files_under(world: World, words: list[str]) -> list[str]:
    """The files that paths name, whole folders included."""
    found: list[str] = []
    for path in _paths(world, words):
        inside = [one for one in world.things["files"] if path and _under(one, path)]
        found += inside or [path]
    return found


def _rm(world: World, words: list[str]) -> Done:
    forced = any(word.startswith("-") and "f" in word for word in words)
    if all(word.startswith("-") for word in words):
        return _said("sh_usage", "rm: missing operand")
    for path in _files_under(world, words):
        done = _delete_file(world, {"path": f"/{path}"})
        if done.code == "locked" or (done.code == "not_found" and not forced):
            return done if done.code == "locked" else _no_file("rm", path)
    return _said("shell", "")


def _echo(world: World, words: list[str]) -> Done:
    del world
    return _said("shell", " ".join(words))


def _pwd(world: World, words: list[str]) -> Done:
    del words
    return _said("shell", f"/{world.folder}")


def _cd(world: World, words: list[str]) -> Done:
    folder = full(world, words[0]) if words else ""
    if folder and not any(path.startswith(f"{folder}/") for path in world.things["files"]):
        return _no_file("cd", folder)
    world.folder = folder
    return _said("shell", "")


_COMMANDS: Mapping[str, Callable[[World, list[str]], Done]] = {
    "ls": _ls, "cat": _cat, "head": _cat, "grep": _grep, "mv": _each(_move_file, "mv"), "cp": _each(_copy_file, "cp"),
    "rm": _rm, "echo": _echo, "pwd": _pwd, "cd": _cd,
}  # fmt: skip

TOOLS: Mapping[str, Tool] = {
    "list_files": Tool(run=_list_files, parameters={"folder": _TEXT}, optional=frozenset({"folder"})),
    "read_file": Tool(run=_read_file, parameters={"path": _TEXT}),
    "write_file": Tool(run=_write_file, parameters={"path": _TEXT, "text": _TEXT}),
    "delete_file": Tool(run=_delete_file, parameters={"path": _TEXT}),
    "move_file": Tool(run=_move_file, parameters={"path": _TEXT, "new_path": _TEXT}),
    "copy_file": Tool(run=_copy_file, parameters={"path": _TEXT, "new_path": _TEXT}),
    "share_file": Tool(run=_share_file, parameters={"path": _TEXT, "address": _TEXT}),
    "shell": Tool(run=_shell, parameters={"command": _TEXT}),
}
