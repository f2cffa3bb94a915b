"""`futago metadata` as it runs: without the libraries of the command line, which weigh more than the program.

python -m futago.metadata metadata SETTINGS DIRECTORY
"""

import sys
from pathlib import Path
from typing import NoReturn

from futago import program


def become(settings: Path, directory: Path) -> NoReturn:
    """Run instead of the calling program, in its process; "metadata" is what a list of processes shows."""
    program.become("futago.metadata", "metadata", settings, directory)


def main() -> None:
    """Run with the paths of the command line; exit status 1 says that it cannot."""
    sys.modules["rich"] = None  # type: ignore[assignment] # or structlog imports it, for colours that are not used here
    from futago import logs
    from futago.config import NodeConfig, load
    from futago.metadata import daemon

    settings, directory = map(Path, sys.argv[2:])
    logs.to_stderr()
    try:
        daemon.run(daemon.settings_of(load(settings, NodeConfig), directory))
    except (program.AlreadyRunning, OSError, ValueError) as error:
        raise SystemExit(f"futago: {error}") from error


if __name__ == "__main__":
    main()
