"""What stops a controller before it has made anything."""

from pathlib import Path

import pytest

from futago.config import BadConfig, ControllerConfig
from futago.controller.main import build


def test_a_setting_that_cannot_be_followed_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="router_distributed is true"):
        build(ControllerConfig(state_path=tmp_path / "state", router_distributed=True))
    assert not (tmp_path / "state").exists()


def test_a_bad_rule_stops_the_start_and_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('"create_network": "role:member"\n"delete_network": "role:"admin"\n')
    with pytest.raises(BadConfig, match=r"policy\.yaml, line 2: "):
        build(ControllerConfig(state_path=tmp_path / "state", policy_file=path))
    assert not (tmp_path / "state").exists()
