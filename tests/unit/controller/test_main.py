"""What stops a controller before it has made anything."""

import sys
from pathlib import Path

import pytest

from futago.config import BadConfig, ControllerConfig
from futago.controller.main import build


def test_a_setting_that_cannot_be_followed_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="router_distributed is true"):
        build(ControllerConfig(state_path=tmp_path / "state", router_distributed=True))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("quotas", "words"),
    [({"networks": 5}, "quotas: networks: there are quotas for network, subnet,"), ({"port": -2}, "quotas: port: ")],
)
def test_a_quota_that_cannot_be_stops_the_start(tmp_path: Path, quotas: dict[str, int], words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        build(ControllerConfig(state_path=tmp_path / "state", quotas=quotas))
    assert not (tmp_path / "state").exists()


def test_a_bad_rule_stops_the_start_and_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('"create_network": "role:member"\n"delete_network": "role:"admin"\n')
    with pytest.raises(BadConfig, match=r"policy\.yaml, line 2: "):
        build(ControllerConfig(state_path=tmp_path / "state", policy_file=path))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("url", ["oracle://db/futago", "postgresql+asyncpg://db/futago", "mysql+mysqldb://db/futago"])
def test_a_database_of_an_unknown_kind_stops_the_start_and_says_which_there_are(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadConfig, match=r"postgresql\+psycopg://, mysql\+pymysql://"):
        build(ControllerConfig(state_path=tmp_path, database_url=url))


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(BadConfig, match="needs the Python package pymysql"):
        build(ControllerConfig(state_path=tmp_path, database_url="mysql+pymysql://db/futago"))
