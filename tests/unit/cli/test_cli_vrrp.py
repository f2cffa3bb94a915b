"""The operator's verbs: which router is meant, and how it looks."""

import pytest
from rich.console import Console

from futago.cli import vrrp_view
from futago.cli.vrrp import _NotOne, _resolve, _why_not
from futago.values import IPv4Address, Role
from futago.vrrp.config import without_secrets
from futago.vrrp.control import RouterStatus
from unit.vrrp.samples import authenticated, router, router_v2

LONG = "4f0c8d1e-0000-4000-8000-000000000001"
OTHER = "4f0c8d1e-0000-4000-8000-000000000002"


def status(name: str = LONG, role: Role = Role.ACTIVE, **more: object) -> RouterStatus:
    return RouterStatus(name=name, role=role, since=0.0, cause="active fell silent", **more)  # type: ignore[arg-type]


def test_a_name_or_the_beginning_of_one_is_enough() -> None:
    there = [status("api"), status("api2"), status("web")]
    assert _resolve(["api", "w"], there) == ["api", "web"]
    assert _resolve(None, there) == ["api", "api2", "web"]


@pytest.mark.parametrize(
    ("name", "there", "says"),
    [
        ("x", [], "there is no router 'x' here; there are: none"),
        ("x", [status("api"), status("web")], "there is no router 'x' here; there are: api, web"),
        ("4f", [status(LONG), status(OTHER)], f"'4f' is the beginning of several: {LONG}, {OTHER}"),
        ("x", [status(f"r{n:03}") for n in range(1000)], "r009 and 990 more"),
    ],
)
def test_a_name_of_none_or_of_several_is_told_which_there_are(name: str, there: list[RouterStatus], says: str) -> None:
    with pytest.raises(_NotOne, match=says):
        _resolve([name], there)


def test_why_a_router_cannot_resign() -> None:
    backup = status("api", Role.BACKUP, peer=IPv4Address("192.0.2.12"))
    assert _why_not(backup).endswith("but a backup; the active one advertises from 192.0.2.12")
    assert _why_not(status("api", Role.INITIALIZE, error="eth0 is down")).endswith("takes no part (eth0 is down)")


@pytest.mark.parametrize("columns", ["20", "80", "200"])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_name_is_ever_cut_off(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, terminal: bool
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(Console, "is_terminal", property(lambda _: terminal))
    error = "eth0 does not have the address 192.0.2.11 (it has 192.0.2.99)"
    vrrp_view.print_table([status(error=error), status(OTHER, Role.BACKUP)])
    shown = capsys.readouterr().out
    assert LONG in shown
    assert OTHER in shown
    assert "…" not in shown
    assert terminal or len(shown.splitlines()) == 3
    assert terminal or error in shown


def test_one_router_is_shown_with_every_counter_and_without_its_secrets() -> None:
    config = without_secrets(authenticated(router()))
    text = vrrp_view.detail(status(dropped={"checksum": 3}), config)
    assert "priority-zero-pkts-rcvd" in text
    assert "  checksum  3\n" in text
    assert "enforce, keys 1, sends with 1, freshness by clock" in text
    assert "simple password" in vrrp_view.detail(status(), without_secrets(router_v2()))
    assert "openstack" not in vrrp_view.detail(status(), without_secrets(router_v2()))


def test_a_router_that_was_refused_has_no_configuration_to_show() -> None:
    text = vrrp_view.detail(status(error="vrid 300 is not in 1..255"), None)
    assert "Configuration" not in text
    assert "vrid 300" in text
