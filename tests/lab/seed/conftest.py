"""The lab from the seed's files: one for the tests of this directory."""

from collections.abc import Iterator

import pytest

from futago.config import Profile
from futago.lab import lab as labs
from futago.lab.topology import Topology
from lab_kit.seed import TYPES, SeedCloud, imported, let_pings_in, make

NAME = "seed-files"


@pytest.fixture(scope="package")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeedCloud]:
    labs.down(NAME)
    try:
        lab = labs.up(NAME, Profile.SEED, shape=Topology.SEED, files=imported(tmp_path_factory.mktemp("neutron")))
        let_pings_in(lab)
        yield SeedCloud(lab, {number: make(lab, number) for number in TYPES})
    finally:
        labs.down(NAME)
