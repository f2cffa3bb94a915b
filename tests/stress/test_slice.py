"""A slice of `./run stress`: nothing is given out twice, lost or left over, and nobody sees a 5xx."""

from pathlib import Path

import pytest

from stress.run import fight, killed


@pytest.mark.parametrize(("database", "controllers"), [("sqlite", 1), ("postgresql", 2), ("mariadb", 2)])
def test_clients_in_each_others_way_leave_a_cloud_that_makes_sense(
    database: str, controllers: int, tmp_path: Path
) -> None:
    tally = fight(database, number=controllers, clients=32, seconds=6, rounds=2, seed=1, directory=tmp_path)
    assert tally.failures == []
    assert {"make routers 201", "make ports 409", "delete ports 204", "make networks 409"} <= tally.answers.keys()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_was_acknowledged_outlives_a_kill_in_the_middle_of_writes(database: str, tmp_path: Path) -> None:
    tally = killed(database, kills=3, clients=6, seed=1, directory=tmp_path)
    assert tally.failures == []
    assert tally.made
