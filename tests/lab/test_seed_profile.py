"""The routers' timers as in the walkthrough: VRRPv2 with a password, every 2 s, the same priority everywhere."""

from collections.abc import Iterator

import pytest

from futago.config import Profile
from futago.lab import lab as labs
from futago.lab.demo import looks, walkthrough
from futago.lab.demo.failover import Failover
from lab_kit import cloud
from lab_kit.cloud import Cloud


@pytest.fixture(scope="module")
def whole_cloud() -> Iterator[Cloud]:
    labs.down("tests-seed")
    try:
        yield cloud.make(labs.up("tests-seed", Profile.SEED))
    finally:
        labs.down("tests-seed")


def test_the_advertisement_is_the_one_of_the_walkthrough(healthy: Cloud) -> None:
    heard = looks.ADVERTISEMENT.search(looks.advertisement(healthy.lab, healthy.standby(), healthy.router_id))
    assert heard is not None
    assert heard["source"].startswith("169.254.19")
    assert heard["what"] == "VRRPv2, Advertisement, vrid 1, prio 50, authtype simple, intvl 2s, length 20"


def test_the_standby_takes_over_after_three_intervals_and_the_skew(healthy: Cloud) -> None:
    """6.8 s after the last advertisement, which was up to 2 s before the power cut."""
    with Failover(healthy.lab, healthy.router_id, healthy.floating_ip, walkthrough.GATEWAY) as failover:
        failover.power_off()
        failover.wait_for_takeover(print)
        assert 4 < failover.gap() < 10
        assert failover.connections() == 1
