"""What stops a controller before it has made anything."""

from pathlib import Path

import pytest

from futago.config import BadConfig, ControllerConfig
from futago.controller.main import build


def test_a_setting_that_cannot_be_followed_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="router_distributed is true"):
        build(ControllerConfig(state_path=tmp_path / "state", router_distributed=True))
    assert not (tmp_path / "state").exists()
