"""Labs for the tests. They need root and about a gigabyte of memory, and touch nothing of the machine's network."""

from collections.abc import Iterator

import pytest

from futago.config import Profile
from futago.lab import lab as labs
from futago.lab.demo import walkthrough
from futago.lab.drill.probes import PORT
from futago.lab.lab import Lab
from lab_kit import cloud
from lab_kit.cloud import Cloud


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The standard lab in the default profile, one for the whole run."""
    labs.down("tests")
    try:
        yield labs.up("tests", Profile.DEFAULT)
    finally:
        labs.down("tests")


@pytest.fixture(scope="session")
def whole_cloud(lab: Lab) -> Cloud:
    made = cloud.make(lab)
    walkthrough.let_in(lab.api(), "tcp", PORT)
    return made


@pytest.fixture
def healthy(whole_cloud: Cloud) -> Iterator[Cloud]:
    """The walkthrough's cloud with everything running; healed again after the test."""
    whole_cloud.heal()
    yield whole_cloud
    whole_cloud.heal()
