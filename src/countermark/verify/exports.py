"""Stage 11: pages and exports are what rendering the report gives, byte for byte."""

from countermark.errors import CountermarkError
from countermark.evidence.directory import REPORT
from countermark.files import read_capped
from countermark.verify.container import MAX_FILE
from countermark.verify.state import State
from countermark.verify.transcripts import STRANGERS_DATA
from countermark.verify.verdict import Notes

_FOLDER = "report/"


def check(state: State, notes: Notes) -> None:
    """Render the report again and compare every file of report/ with it."""
    assert state.report is not None
    present = {name for name in state.files if name.startswith(_FOLDER) and name != REPORT}
    if state.render is None:
        notes.not_checked("no renderer was handed in")
        if present:
            notes.partial(f"{len(present)} files of {_FOLDER} were not made again")
        return
    try:
        rendered = {f"{_FOLDER}{name}": data for name, data in state.render(state.report).items()}
    except (CountermarkError, *STRANGERS_DATA) as error:
        notes.malformed(f"{REPORT}: cannot be rendered ({error})")
        return
    for name, data in rendered.items():
        if name not in present:
            notes.partial(f"{name}: is not there, though this version renders one")
        elif read_capped(state.root / name, max_bytes=MAX_FILE, name=name) != data:
            notes.partial(f"{name}: is not what this version renders from {REPORT}")
    for name in sorted(present - rendered.keys()):
        notes.partial(f"{name}: this version does not know how to make it again")
    if not notes.cause:
        notes.say(f"{len(rendered)} files are exactly what {REPORT} renders to")
