"""In which order routers that are due together have their turn."""

import random

from futago.values import IPv4Address, Millis
from futago.vrrp.config import Peer, VirtualRouterConfig
from futago.vrrp.engine import Engine
from futago.vrrp.events import Put
from futago.vrrp.use import UNKNOWN
from unit.vrrp.samples import PEER, advert_from, router

FAR_END = IPv4Address("192.0.2.2")


def backups(number: int) -> list[VirtualRouterConfig]:
    peers = (Peer(source=PEER, priority=50, tunnel=FAR_END),)
    return [router(name=f"router{count:02}", vrid=count + 1, peers=peers) for count in range(number)]


def hearing(engine: Engine, routers: list[VirtualRouterConfig]) -> None:
    """Their twin is active for all of them."""
    for one in routers:
        engine.start(one, Millis(0), adopt=False)
        engine.receive(one.name, advert_from(one), Millis(100))


def taken_over(engine: Engine, now: Millis) -> list[str]:
    """The routers, in the order in which they get their addresses when the twin's host is lost."""
    orders = engine.lost(FAR_END, now)
    while (due := engine.timers(now, at_most=20)) != []:
        orders += due
    return [order.router.name for order in orders if isinstance(order.action, Put)]


def test_the_most_recently_used_routers_are_taken_over_first() -> None:
    engine, routers = Engine(), backups(100)
    hearing(engine, routers)
    names = [one.name for one in routers]
    random.Random(1).shuffle(names)
    for name in names:
        engine.note_use(name, 5, Millis(200))
    for moment, name in enumerate(reversed(names)):
        engine.note_use(name, 6, Millis(300 + moment))
    assert taken_over(engine, Millis(900)) == names


def test_of_routers_that_are_equally_quiet_the_one_with_more_connections_goes_first() -> None:
    engine, routers = Engine(), backups(3)
    hearing(engine, routers)
    for one, connections in zip(routers, (0, 7, 1000), strict=True):
        engine.note_use(one.name, connections, Millis(200))
        engine.note_use(one.name, connections, Millis(400))
    assert taken_over(engine, Millis(900)) == ["router02", "router01", "router00"]


def test_use_keeps_no_router_waiting_for_one_that_is_due_later() -> None:
    engine, routers = Engine(), backups(2)
    for one in routers:
        engine.start(one, Millis(0), adopt=False)
    engine.receive(routers[1].name, advert_from(routers[1]), Millis(500))
    engine.note_use(routers[1].name, 5, Millis(500))
    engine.note_use(routers[1].name, 6, Millis(600))
    assert {order.router.name for order in engine.timers(Millis(3900))} == {routers[0].name}


def test_the_first_look_says_nothing_of_a_change() -> None:
    """An engine that was started anew does not take every router for one that is used right now."""
    assert UNKNOWN.noted(1000, Millis(50)).changed == 0
    assert UNKNOWN.noted(1000, Millis(50)).noted(1001, Millis(60)).changed == 60


def test_a_router_that_is_not_here_is_not_noted() -> None:
    Engine().note_use("elsewhere", 5, Millis(0))
