"""The daemon's manual and the daemon agree."""

import re
from pathlib import Path

import pytest

from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.events import Cause
from futago.vrrp.file import REQUIRED, read

MANUAL = Path(__file__).parents[3] / "docs" / "vrrpd.md"
NUMBERS = ("priority", "advert_interval")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (?:[^|]*\| )([^|]*) \|", MANUAL.read_text(), re.MULTILINE))


def plain(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(getattr(default, "value", default))


def test_every_key_has_a_row() -> None:
    assert ROWS.keys() == set(VirtualRouterConfig.__struct_fields__)


def test_the_defaults_are_those_of_the_manual(tmp_path: Path) -> None:
    (least,) = read_all(tmp_path)
    simple = (*NUMBERS, "version", "preempt", "preempt_delay", "accept", "checksum", "auth_mode", "freshness")
    assert {key: ROWS[key].strip("`") for key in simple} == {key: plain(getattr(least, key)) for key in simple}
    assert {key for key, default in ROWS.items() if default == "required"} == REQUIRED.keys()


def read_all(directory: Path) -> tuple[VirtualRouterConfig, ...]:
    """A router that says nothing but what it must."""
    file = directory / "least.toml"
    file.write_text(
        '[[routers]]\nname = "a"\ninterface = "b"\nsource = "192.0.2.1"\nvrid = 1\naddresses = ["192.0.2.9/24"]\n'
    )
    return read(file)


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_is_explained(cause: Cause) -> None:
    assert f"`{cause}`" in MANUAL.read_text()


def test_the_files_of_the_manual_can_be_used(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    assert examples
    for number, text in enumerate(examples):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        assert read(file)
