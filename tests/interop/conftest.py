"""FRR is unpacked once, and only if a test wants it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from interop.peers import Dialect, Frr, unpack_frr
from interop.wire import Wire


@pytest.fixture(scope="session")
def frr_problem_and_root(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], tuple[str, Path]]:
    """What prevents FRR's use, if anything, and where it is unpacked."""
    found: list[tuple[str, Path]] = []

    def unpack() -> tuple[str, Path]:
        if not found:
            directory = tmp_path_factory.mktemp("frr")
            found.append((unpack_frr(directory), directory / "root"))
        return found[0]

    return unpack


@pytest.fixture
def make_frr(frr_problem_and_root: Callable[[], tuple[str, Path]]) -> Callable[[Wire, Dialect, Path], Frr]:
    """Makes FRR; the test is skipped where its packages cannot be had."""

    def make(wire: Wire, dialect: Dialect, directory: Path) -> Frr:
        problem, root = frr_problem_and_root()
        if problem:
            pytest.skip(f"FRR's Debian packages cannot be downloaded: {problem}")
        return Frr(wire, dialect, directory, unpacked=root)

    return make
