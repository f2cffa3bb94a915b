"""What a scraper reads from the nodes and the controller of a lab, when an active node is lost and when one lets go."""

from collections.abc import Callable

import httpx
import pytest
from prometheus_client import Metric

from futago.lab.api import InsideTransport
from futago.lab.drill.scene import FUTAGO
from lab_kit.cloud import Cloud
from metrics_kit import families, value

Scrape = Callable[[str], dict[str, Metric]]
PORTS = {"controller": 9699}


@pytest.fixture
def scrape(healthy: Cloud) -> Scrape:
    """Asks from inside a host, where the default address is."""

    def ask(host: str) -> dict[str, Metric]:
        with httpx.Client(transport=InsideTransport(healthy.lab.process(host))) as http:
            return families(http.get(f"http://127.0.0.1:{PORTS.get(host, 9698)}/metrics").text)

    return ask


def takeovers(found: dict[str, Metric]) -> tuple[float, float]:
    """How many, and for how many of them it is known how long silence lasted before."""
    names = ("futago_vrrp_takeover_duration_seconds_count", "futago_vrrp_takeover_silence_seconds_count")
    taken, silent = (value(found, name) for name in names)
    return taken, silent


def test_a_loss_is_told_by_sessions_and_takeovers(healthy: Cloud, scrape: Scrape) -> None:
    active, standby = healthy.active(), healthy.standby()
    before, underlay = scrape(standby), healthy.lab.plan(active).underlay_address
    assert underlay is not None
    tunnel = str(underlay.ip)
    assert value(before, "futago_bfd_session_up", peer=tunnel) == 1
    healthy.lab.power_off(active)
    healthy.eventually("the standby holds the gateway", lambda: healthy.holders() == (standby,))
    after = scrape(standby)
    assert value(after, "futago_bfd_session_up", peer=tunnel) == 0
    losses = "futago_bfd_session_losses_total"
    assert value(after, losses, peer=tunnel) == value(before, losses, peer=tunnel) + 1
    assert takeovers(after) == tuple(one + 1 for one in takeovers(before))
    assert value(after, "futago_vrrp_router_role", router=healthy.router_id, role="active") == 1
    assert value(after, "futago_vrrp_takeover_silence_seconds_sum") > 0


def test_after_a_power_cut_nobody_takes_the_dead_node_for_a_second_active(healthy: Cloud, scrape: Scrape) -> None:
    active, standby = healthy.active(), healthy.standby()
    before = value(scrape("controller"), "futago_ha_dual_active_seconds_total")
    healthy.lab.power_off(active)
    healthy.eventually("the API knows", lambda: healthy.lab.agents_of(healthy.router_id).get(standby) == "active")
    found = scrape("controller")
    assert value(found, "futago_ha_routers", actives="2") == 0
    assert value(found, "futago_ha_dual_active_seconds_total") == before


def test_a_move_is_a_takeover_with_both_active_for_a_moment(healthy: Cloud, scrape: Scrape) -> None:
    """The new one counts the time until it has heard the last word of the old one: less than an advertisement's."""
    standby = healthy.standby()
    dual = "futago_vrrp_dual_active_seconds_total"
    before = scrape(standby)
    healthy.lab.exec("controller", [*FUTAGO, "router", "failover", healthy.router_id, "--to", standby])
    after = scrape(standby)
    assert takeovers(after) == tuple(one + 1 for one in takeovers(before))
    assert value(after, dual, router=healthy.router_id) - value(before, dual, router=healthy.router_id) < 1
