"""`futago conntrackd` as it runs: without the libraries of the command line, which weigh more than the program.

python -m futago.conntrack conntrackd SOCKET STATE VRRPD_SOCKET
"""

import sys
from pathlib import Path
from typing import NoReturn

from futago import program


def become(socket: Path, state: Path, vrrpd_socket: Path) -> NoReturn:
    """Run instead of the calling program, in its process; "conntrackd" is what a list of processes shows."""
    program.become("futago.conntrack", "conntrackd", socket, state, vrrpd_socket)


def main() -> None:
    """Run with the paths of the command line; exit status 1 says that it cannot."""
    sys.modules["rich"] = None  # type: ignore[assignment] # or structlog imports it, for colours that are not used here
    from futago import logs
    from futago.conntrack import daemon

    socket, state, vrrpd_socket = map(Path, sys.argv[2:])
    logs.to_stderr()
    try:
        daemon.run(daemon.Settings(socket=socket, state=state, vrrpd_socket=vrrpd_socket))
    except (program.AlreadyRunning, OSError) as error:
        raise SystemExit(f"futago: {error}") from error


if __name__ == "__main__":
    main()
