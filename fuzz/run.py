"""Coverage-guided fuzzing of everything that reads strangers' bytes, by atheris (libFuzzer): `make fuzz`.

    python fuzz/run.py                       every target, FUZZ_SECONDS (600) shared among them
    python fuzz/run.py TARGET [TARGET ...]   these only
    python fuzz/run.py --show FILE TARGET    give one input to a target and show what happens

What crashes a target is kept under fuzz/found/ and named; the exit code is 1. What reached new code is kept under
fuzz/corpus/, so that the next run begins there. Neither belongs to the repository.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOUND, CORPUS = HERE / "found", HERE / "corpus"
SECONDS = int(os.environ.get("FUZZ_SECONDS", "600"))
SLOW = 20
"""Seconds after which one input counts as a hang."""


def sow(name: str) -> list[str]:
    """The target's corpus with its seeds in it, and its words, as libFuzzer's arguments."""
    from targets import TARGETS

    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (folder / f"seed-{number:03d}").write_bytes(seed)
    limits = [f"-max_len={TARGETS[name].longest}", str(folder)]
    if not TARGETS[name].words:
        return limits
    words = CORPUS / f"{name}.dict"
    spelt = ("".join(f"\\x{byte:02x}" for byte in word) for word in TARGETS[name].words)
    words.write_text("".join(f'"{word}"\n' for word in spelt))
    return [f"-dict={words}", *limits]


def fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process; atheris ends it."""
    import atheris

    with atheris.instrument_imports(include=["countermark", "yaml", "zipfile", "csv", "targets", "seeds"]):
        from targets import TARGETS

        for seed in TARGETS[name].seeds():
            run(name, seed)  # what is imported late is imported, and instrumented, now
    atheris.Setup([sys.argv[0], *arguments, *sow(name)], lambda data: run(name, data))
    atheris.Fuzz()


def run(name: str, data: bytes) -> None:
    """One input; whatever is no refusal is a crash."""
    from targets import attempt

    attempt(name, data)


def every(names: list[str]) -> int:
    """Each target in a process of its own; returns the exit code."""
    share = max(1, SECONDS // len(names))
    crashed = []
    for name in names:
        FOUND.mkdir(exist_ok=True)
        arguments = [f"-max_total_time={share}", f"-timeout={SLOW}", "-rss_limit_mb=2048"]
        arguments += [f"-artifact_prefix={FOUND / name}-", "-print_final_stats=1"]
        command = [sys.executable, __file__, "--one", name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        crashed += [name] if done.returncode else []
        print(f"{name:14} {summary(done)}", flush=True)
    if crashed:
        print(f"crashes in {', '.join(crashed)}; the inputs lie in {FOUND.relative_to(HERE.parent)}/")
    return 1 if crashed else 0


def summary(done: "subprocess.CompletedProcess[str]") -> str:
    """How many inputs were tried, or how it ended."""
    stats = [line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    tried = f"{stats[0]:>9} inputs" if stats else "ended early"
    if not done.returncode:
        return f"{tried}, no crash"
    said = done.stdout.splitlines() + done.stderr.splitlines()
    at = next((number for number, line in enumerate(said) if "Uncaught Python exception" in line), None)
    shown = said[-30:] if at is None else said[at : at + 40]
    return "\n    ".join([f"{tried}, CRASH", *shown])


def main(arguments: list[str]) -> int:
    """See above."""
    if arguments[:1] == ["--one"]:  # before the readers are imported: they are to be instrumented
        fuzz(arguments[1], arguments[2:])
    from targets import TARGETS

    match arguments:
        case ["--show", file, name]:
            run(name, Path(file).read_bytes())
            print("taken or refused; no crash")
            return 0
        case names:
            unknown = sorted(set(names) - set(TARGETS))
            if unknown:
                print(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
                return 2
            return every(names or list(TARGETS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
