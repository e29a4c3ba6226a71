"""Runs `countermark` with every way out of the process watched: `python closed.py LOG ARGUMENTS…`.

Python's own sockets are refused and written to LOG. Native code does not pass here; the caller gives it a proxy that counts.
"""

import sys
from pathlib import Path

WATCHED = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
"""Not `socket.bind`: urllib3 binds a port of this machine, once, to see whether it speaks IPv6."""


def close(log: Path) -> None:
    """From here on no socket leads anywhere."""

    def hook(event: str, told: tuple[object, ...]) -> None:
        if event in WATCHED:
            with log.open("a") as file:
                file.write(f"{event} {told[1:]!r}\n")
            raise OSError("this test has no network")

    sys.addaudithook(hook)


if __name__ == "__main__":
    close(Path(sys.argv[1]))
    from countermark.cli import run_command

    sys.exit(run_command(sys.argv[2:]))
