"""What the benchmarks share: a lab with the walkthrough's cloud, and figures with their spread."""

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from futago.config import Profile
from futago.lab import lab as labs
from futago.lab.errors import LabError
from futago.lab.lab import Lab

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

console = Console(highlight=False, width=None if Console().is_terminal else 120)
NAME = "bench"


@contextmanager
def lab(profile: Profile) -> Iterator[Lab]:
    """A lab of this name, taken away at the end whatever happens."""
    labs.down(NAME)
    console.print(f"building the lab, profile {profile} …")
    try:
        yield labs.up(NAME, profile)
    finally:
        labs.down(NAME)


def spread(values: Sequence[float]) -> tuple[str, str, str]:
    """Minimum, median, maximum."""
    return tuple(f"{value:.2f}" for value in (min(values), statistics.median(values), max(values)))  # type: ignore[return-value]


def run(main: Callable[[], None]) -> None:
    """Measure; Ctrl-C, and what is not a bug, end it in one line."""
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except LabError as error:
        raise SystemExit(f"bench: {error}") from error
