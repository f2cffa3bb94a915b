"""Real engines tell hosts of their router: the active does, a standby never, and a takeover takes nothing back."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from futago.contract.advertisement import AdvertisedPrefix, Advertisement
from futago.values import IPv6Address, IPv6Network, Millis
from futago.vrrp.config import AdvertisedLink
from host.vrrpd_kit import Pair, capture, frames_sent, make_pair, plug, run, wait_for
from unit.vrrp.samples import INSIDE, INSIDE_IPV6, INSIDE_LINK, OUTSIDE, router

PREFIX = IPv6Network("2001:db8:80::/64")
LINK = AdvertisedLink(
    interface="qr-1",
    advertisement=Advertisement(
        managed=False,
        other=True,
        mtu=1400,
        prefixes=(AdvertisedPrefix(prefix=PREFIX, autonomous=True),),
        dns_servers=(IPv6Address("2001:db8::53"),),
    ),
)
ROUTER = router(
    advert_interval=Millis(300), priority=50, addresses=(INSIDE, OUTSIDE, INSIDE_LINK, INSIDE_IPV6), links=(LINK,)
)
ROUTER_ADVERTISEMENT = 134
SAME_MAC = "fa:16:3e:80:00:01"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Both replicas have one MAC on qr-1, as a router's port has, and forward."""
    with make_pair(tmp_path, ROUTER) as made:
        for host in made.hosts:
            run("ip", "netns", "exec", host.namespace, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
            run("ip", "-n", host.namespace, "link", "set", "qr-1", "address", SAME_MAC)
        yield made


@pytest.fixture
def client(pair: Pair) -> Iterator[str]:
    """The namespace of a host on the link: the kernel's own client, which asks when its interface comes up."""
    name = f"{pair.wire[:-2]}-h"
    run("ip", "netns", "add", name)
    try:
        run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.default.accept_ra=1")
        plug(pair.wire, name, "qr-1")
        yield name
    finally:
        run("ip", "netns", "del", name)


def knows_the_router(client: str) -> bool:
    """By its link-local address."""
    routes = run("ip", "-n", client, "-6", "route", "show", "default")
    return f"via {INSIDE_LINK.address.ip}" in routes


def asks(client: str) -> str:
    """What rdisc6 is told. It gives up if it has no address to ask from, so nobody may still be in doubt of that."""
    wait_for("the host may use its addresses", lambda: inside(client, "ip -6 addr show dev qr-1 tentative") == "")
    return inside(client, "rdisc6 -1 -r 3 -w 5000 qr-1")


def inside(client: str, command: str) -> str:
    """All that a command prints."""
    argv = ["ip", "netns", "exec", client, *command.split()]
    told = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
    return told.stdout


def lifetimes(frames: list[bytes]) -> list[int]:
    """Of the router advertisements among these frames, the router's lifetime in seconds."""
    told = [f for f in frames if f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == ROUTER_ADVERTISEMENT]
    return [int.from_bytes(frame[60:62]) for frame in told]


def test_a_host_makes_its_address_and_default_route_of_what_the_active_says(pair: Pair, client: str) -> None:
    pair.start()
    wait_for("the host knows the router", lambda: knows_the_router(client))
    wait_for("it has an address", lambda: "2001:db8:80:" in run("ip", "-n", client, "-6", "address"))
    assert "mtu 1400" in run("ip", "-n", client, "-6", "route", "show", "default") + run(
        "ip", "netns", "exec", client, "sysctl", "net.ipv6.conf.qr-1.mtu"
    ).replace("net.ipv6.conf.qr-1.mtu = ", "mtu ")


def test_who_asks_is_told_everything_that_was_configured(pair: Pair, client: str) -> None:
    pair.start()
    wait_for("the host knows the router", lambda: knows_the_router(client))
    answer = asks(client)
    assert "2001:db8:80::/64" in answer, answer
    assert "2001:db8::53" in answer
    assert "1400 bytes" in answer
    assert SAME_MAC in answer.lower()
    assert "300 (0x0000012c) seconds" in answer, answer
    assert "from fe80::80:1" in answer


def test_a_standby_tells_nobody_even_if_it_is_asked(pair: Pair, client: str) -> None:
    pair.start()
    wait_for("the host knows the router", lambda: knows_the_router(client))
    with frames_sent(pair.standby(), "qr-1", "qg-1") as silent, frames_sent(pair.active(), "qr-1") as spoken:
        asks(client)
    assert silent == []
    assert set(lifetimes(spoken)) == {300}


def test_a_takeover_takes_nothing_back_and_the_new_active_tells(pair: Pair, client: str) -> None:
    """The hosts keep the router that they know: the same address, from the same MAC."""
    pair.start()
    wait_for("the host knows the router", lambda: knows_the_router(client))
    former, other = pair.active(), pair.standby()
    with capture(former, "qr-1") as sent_before, capture(other, "qr-1") as sent_after:
        run(sys.executable, "-m", "futago", "vrrp", "resign", ROUTER.name, "--socket", str(former.socket))
        wait_for("the other is active", lambda: other.active() and not former.active())
        assert "from fe80::80:1" in asks(client)
    assert 0 not in lifetimes([one.frame for one in sent_before])
    assert set(lifetimes([one.frame for one in sent_after])) == {300}
    assert knows_the_router(client)


def test_a_restarted_engine_goes_on_telling(pair: Pair, client: str) -> None:
    pair.start()
    wait_for("the host knows the router", lambda: knows_the_router(client))
    active = pair.active()
    with frames_sent(active, "qr-1") as frames:
        active.terminate()
        active.start()
        assert "from fe80::80:1" in asks(client)
    assert set(lifetimes(frames)) == {300}


def test_a_link_that_the_router_has_left_is_told_so(pair: Pair, client: str) -> None:
    pair.start()
    wait_for("the host knows the router", lambda: knows_the_router(client))
    without = {"links": (), "addresses": (INSIDE, OUTSIDE)}
    for host in pair.hosts:
        host.configure(msgspec.structs.replace(host.config, **without))
    wait_for("the host knows no router", lambda: not knows_the_router(client))


def test_a_prefix_that_has_gone_is_given_up(pair: Pair, client: str) -> None:
    pair.start()
    wait_for("it has an address", lambda: "2001:db8:80:" in run("ip", "-n", client, "-6", "address"))
    other = AdvertisedPrefix(prefix=IPv6Network("2001:db8:81::/64"), autonomous=True)
    changed = msgspec.structs.replace(LINK.advertisement, prefixes=(other,))
    for host in pair.hosts:
        link = msgspec.structs.replace(LINK, advertisement=changed)
        host.configure(msgspec.structs.replace(host.config, links=(link,)))
    wait_for("it has the new address", lambda: "2001:db8:81:" in run("ip", "-n", client, "-6", "address"))
    former = ["ip", "-n", client, "-6", "address", "show", "deprecated"]
    wait_for("the former one is used for nothing new", lambda: "2001:db8:80:" in run(*former))
