"""What hosts that know each other agree on beside the RFC: giving way, a lost host, a host that is cut off."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from futago.values import IPAddress, IPv4Address, IPv6Address, Millis, Role
from futago.vrrp.config import Peer, VirtualRouterConfig
from futago.vrrp.engine import Engine, Transmit
from futago.vrrp.events import (
    Announce,
    Cause,
    Configured,
    Effect,
    Event,
    Heard,
    Held,
    Isolated,
    Lost,
    Put,
    Rejoined,
    Remove,
    Resigned,
    RoleChanged,
    SendAdvert,
    Started,
    TimerFired,
)
from futago.vrrp.flaws import refuse
from futago.vrrp.machine import step
from futago.vrrp.peers import LEAST_PRIORITY, RESIGNING_PRIORITY
from futago.vrrp.virtual_router import Machine
from unit.vrrp.samples import router

US, THEM, OTHERS = (IPv4Address(f"169.254.192.{n}") for n in (1, 2, 3))
TUNNEL = IPv4Address("172.31.0.12")
INTERVAL = Millis(300)
YIELDING = 4


def config(**changes: Any) -> VirtualRouterConfig:
    """Ours, of the middle priority."""
    usual: dict[str, Any] = {
        "source": US,
        "priority": 100,
        "advert_interval": INTERVAL,
        "peers": (Peer(source=THEM, priority=200, tunnel=TUNNEL),),
        "yields_below": 10,
        "behind_tunnels": True,
    }
    return router(**(usual | changes))


def heard(priority: int, source: IPAddress = THEM) -> Heard:
    return Heard(source=source, priority=priority, interval=INTERVAL)


def run(machine: Machine, *events: tuple[Event, int]) -> tuple[Machine, list[Effect]]:
    """The machine after these events, and all that they had it do."""
    effects: list[Effect] = []
    for event, now in events:
        machine, more = step(machine, event, Millis(now))
        effects += more
    return machine, effects


def backup(**changes: Any) -> Machine:
    """It has just heard the active, at 1000."""
    return run(Machine(config(**changes)), (Started(), 0), (heard(200), 1000))[0]


def active(**changes: Any) -> Machine:
    """Since about 1000."""
    machine, _ = run(Machine(config(**changes)), (Started(), 0), (TimerFired(), 2000))
    assert machine.role is Role.ACTIVE
    return replace(machine, announcements=())


def at(machine: Machine) -> int:
    """When the next election is."""
    assert machine.election_at is not None
    return machine.election_at


def adverts(effects: Sequence[Effect]) -> list[int]:
    return [effect.priority for effect in effects if isinstance(effect, SendAdvert)]


def test_a_backup_takes_over_from_one_that_gives_way_and_is_there_before_that_lets_go() -> None:
    waiting, effects = run(backup(), (heard(YIELDING), 1100))
    assert effects == []
    assert at(waiting) == 1100 + waiting.skew
    again, _ = run(waiting, (heard(YIELDING), 1150))
    assert at(again) == at(waiting), "saying it again puts nothing off"
    now, effects = run(again, (TimerFired(), at(again)))
    assert now.role is Role.ACTIVE
    assert [type(effect) for effect in effects] == [Put, SendAdvert, Announce, RoleChanged]
    assert effects[-1] == RoleChanged(Role.BACKUP, Role.ACTIVE, Cause.GIVEN_WAY)


def test_who_gives_way_goes_on_until_it_hears_the_next_one() -> None:
    machine, effects = run(active(priority=200), (Configured(config(priority=YIELDING)), 2500), (TimerFired(), 2500))
    assert machine.role is Role.ACTIVE
    assert adverts(effects) == [YIELDING], "it is said at once"
    gone, effects = run(machine, (heard(100), 2600))
    assert gone.role is Role.BACKUP
    assert [type(effect) for effect in effects] == [Remove, SendAdvert, RoleChanged]
    assert adverts(effects) == [LEAST_PRIORITY], "no third one must take it for a new wish"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"yields_below": 0}, YIELDING),
        ({"priority": 3}, YIELDING),
        ({}, 10),
    ],
    ids=["nobody yields here", "we yield, too", "a low priority is no wish"],
)
def test_nobody_takes_over_without_the_wish(ours: dict[str, Any], theirs: int) -> None:
    machine, _ = run(backup(**ours), (heard(theirs), 1100))
    assert at(machine) == 1100 + machine.down_after


def test_the_better_of_two_actives_announces_itself_when_the_other_one_is_gone() -> None:
    """Not before: where nobody hears it, the other one's traffic would come to it and be lost."""
    machine, effects = run(active(priority=250), (heard(200), 2500))
    assert [type(effect) for effect in effects] == [SendAdvert]
    _, effects = run(machine, (heard(LEAST_PRIORITY), 2502))
    assert Announce(machine.config.addresses) in effects
    _, effects = run(machine, (TimerFired(), 2500 + INTERVAL + 50))
    assert Announce(machine.config.addresses, briefly=True) in effects, "its last word may be lost"


def test_who_makes_way_for_a_better_one_says_when_it_is_gone() -> None:
    machine, effects = run(active(), (heard(200), 2500))
    assert machine.role is Role.BACKUP
    assert [type(effect) for effect in effects[:2]] == [Remove, SendAdvert]
    assert adverts(effects) == [LEAST_PRIORITY]


def test_a_last_word_ends_nobodys_wait_and_puts_none_off() -> None:
    before = backup()
    machine, _ = run(before, (heard(LEAST_PRIORITY, OTHERS), 1800))
    assert (at(machine), machine.expects, machine.active) == (at(before), Cause.SILENCE, THEM)
    lost, _ = run(before, (Lost(THEM), 1900), (heard(LEAST_PRIORITY), 1901), (TimerFired(), 1901))
    assert lost.role is Role.ACTIVE


def test_a_last_word_brings_back_the_ordinary_interval() -> None:
    """A guard says it before its goodbye: the engine that is gone had asked for a longer one (`Held`)."""
    held, _ = run(backup(), (Heard(source=THEM, priority=200, interval=Millis(5000)), 1000))
    machine, _ = run(held, (heard(LEAST_PRIORITY), 1100))
    assert machine.active_interval == INTERVAL
    assert at(machine) == 1100 + machine.down_after


def test_another_active_one_ends_the_taking_over() -> None:
    machine, _ = run(backup(), (heard(YIELDING), 1100), (heard(50, OTHERS), 1120))
    assert at(machine) == 1120 + machine.down_after
    assert machine.expects is Cause.SILENCE


def test_to_resign_among_peers_is_a_wish_and_no_goodbye() -> None:
    machine, effects = run(active(priority=200), (Resigned(), 2500))
    assert machine.role is Role.ACTIVE
    assert adverts(effects) == [RESIGNING_PRIORITY]
    gone, effects = run(machine, (heard(100), 2600))
    assert gone.role is Role.BACKUP
    assert adverts(effects) == [LEAST_PRIORITY], "its last word is not better than who took over, and no wish"


def test_who_resigns_and_finds_nobody_goes_on_as_before() -> None:
    ticks = [(TimerFired(), 2500 + number * INTERVAL) for number in (1, 2, 3)]
    machine, effects = run(active(priority=200), (Resigned(), 2500), *ticks)
    assert machine.role is Role.ACTIVE
    assert adverts(effects) == [RESIGNING_PRIORITY] * 3 + [200]
    assert run(machine, (heard(100), 3500))[0].role is Role.ACTIVE


def test_a_restart_comes_before_the_wish_to_be_rid_of_a_router() -> None:
    """Nobody takes the addresses off meanwhile: whoever took over now would be active beside them."""
    wish, _ = run(backup(), (heard(5), 2000))
    assert wish.expects is Cause.GIVEN_WAY
    _, effects = run(active(priority=5), (Held(Millis(3000)), 2010))
    (held,) = (effect for effect in effects if isinstance(effect, SendAdvert))
    waiting, _ = run(wish, (Heard(source=THEM, priority=held.priority, interval=held.interval), 2010))
    assert at(waiting) >= 2010 + 3000


def test_to_resign_among_strangers_is_a_goodbye() -> None:
    machine, effects = run(active(peers=(), yields_below=0), (Resigned(), 2500))
    assert machine.role is Role.BACKUP
    assert adverts(effects) == [0]


def test_the_loss_of_the_actives_host_ends_the_wait() -> None:
    machine, effects = run(backup(), (Lost(THEM), 1100), (TimerFired(), 1100))
    assert machine.role is Role.ACTIVE
    assert effects[-1] == RoleChanged(Role.BACKUP, Role.ACTIVE, Cause.HOST_LOST)


def test_a_host_that_may_be_cut_off_itself_waits_until_it_knows() -> None:
    doubtful, _ = run(backup(), (Lost(THEM, Millis(100)), 1100))
    assert at(doubtful) == 1200
    assert run(doubtful, (TimerFired(), 1200))[0].role is Role.ACTIVE
    assert run(doubtful, (Isolated(), 1150), (TimerFired(), 1200))[0].role is Role.BACKUP


def test_a_better_peer_goes_first() -> None:
    peers = (Peer(source=THEM, priority=200), Peer(source=OTHERS, priority=150))
    machine, _ = run(backup(peers=peers), (Lost(THEM), 1100))
    assert at(machine) == 1100 + machine.skew
    later, _ = run(machine, (heard(150, OTHERS), 1150))
    assert at(later) == 1150 + later.down_after


def test_the_loss_of_any_other_host_changes_nothing() -> None:
    before = backup()
    assert run(before, (Lost(OTHERS), 1100)) == (before, [])
    assert run(Machine(config()), (Lost(THEM), 0)) == (Machine(config()), [])


def test_an_active_that_loses_sight_of_a_peer_announces_itself_again() -> None:
    """The peer may be the one that is cut off, and have been active for as long as it took it to see that."""
    machine, effects = run(active(), (Lost(THEM), 2500), (TimerFired(), 2550))
    again = [effect for effect in effects if isinstance(effect, Announce)]
    assert again == [Announce(machine.config.addresses, briefly=True)]


def test_a_host_that_is_cut_off_elects_nobody_until_it_has_listened_again() -> None:
    machine, effects = run(backup(), (Isolated(), 1100), (Lost(THEM), 1100), (TimerFired(), 1100), (TimerFired(), 9000))
    assert machine.role is Role.BACKUP
    assert effects == []
    back, _ = run(machine, (Rejoined(), 10_000))
    assert at(back) == 10_000 + 2 * INTERVAL + back.skew
    assert run(back, (TimerFired(), at(back)))[0].role is Role.ACTIVE


def test_a_host_that_hears_the_active_before_its_session_is_up_waits_for_it_as_ever() -> None:
    machine, _ = run(backup(), (Isolated(), 1100), (TimerFired(), 9000), (heard(200), 9900), (Rejoined(), 10_000))
    assert at(machine) == 9900 + machine.down_after


def test_an_active_announces_itself_again_when_a_peer_is_back_that_may_have_been_active() -> None:
    """Its last word is lost where it hears and is not heard."""
    engine = Engine()
    engine.start(config(), Millis(0), adopt=True)
    for number in range(1, 10):
        engine.timers(Millis(number * INTERVAL))
    engine.found(IPv4Address("172.31.0.99"), Millis(2701), since=Millis(2601))
    assert engine.timers(Millis(2751)) == []
    engine.found(TUNNEL, Millis(2801), since=Millis(2601))
    assert [order.action for order in engine.timers(Millis(2851))] == [Announce(config().addresses, briefly=True)]


@pytest.mark.parametrize(("since", "behind_tunnels", "announced"), [(3000, True, 1), (9000, True, 0), (3000, False, 0)])
def test_an_active_announces_itself_to_a_host_that_was_not_reached_when_it_became_active(
    since: int,
    behind_tunnels: bool,  # noqa: FBT001 - a parameter of the test
    announced: int,
) -> None:
    """The host's switch has learned another way to the router's address, and would keep it for minutes."""
    engine = Engine()
    engine.start(config(behind_tunnels=behind_tunnels), Millis(4000), adopt=True)
    for number in range(1, 30):
        engine.timers(Millis(4000 + number * INTERVAL))
    before = engine.deadline()
    assert before is not None
    engine.found(IPv4Address("172.31.0.99"), Millis(before - 100), since=Millis(since))
    assert len(engine.timers(Millis(before - 50))) == announced


def test_an_active_that_is_cut_off_is_active_for_nobody() -> None:
    """If it is only deaf, others hear that they need not wait for it."""
    machine, effects = run(active(), (Isolated(), 2500))
    assert machine.role is Role.BACKUP
    assert isinstance(effects[0], Remove)
    assert adverts(effects) == [LEAST_PRIORITY, 0]
    assert effects[-1] == RoleChanged(Role.ACTIVE, Role.BACKUP, Cause.ISOLATED)


def test_the_engine_tells_the_routers_whom_it_concerns() -> None:
    engine = Engine()
    near, far, flat = (
        config(name="near"),
        config(name="far", vrid=2, peers=(Peer(source=THEM, priority=1, tunnel=IPv4Address("172.31.0.99")),)),
        config(name="flat", vrid=3, behind_tunnels=False),
    )
    for one in (near, far, flat):
        engine.start(one, Millis(0), adopt=False)
        engine.receive(one.name, _advert(one), Millis(100))
    engine.lost(TUNNEL, Millis(200))
    engine.timers(Millis(200))
    assert [engine.role(name) for name in ("near", "far", "flat")] == [Role.ACTIVE, Role.BACKUP, Role.ACTIVE]
    engine.reach(nobody=True, now=Millis(300))
    assert [engine.role(name) for name in ("near", "far", "flat")] == [Role.BACKUP, Role.BACKUP, Role.ACTIVE]


@pytest.mark.parametrize("first", [True, False])
def test_a_router_that_changes_sides_while_its_host_is_cut_off_knows_it(first: bool) -> None:  # noqa: FBT001
    engine = Engine()
    engine.start(config(behind_tunnels=first), Millis(0), adopt=True)
    engine.reach(nobody=True, now=Millis(100))
    assert engine.role("router80") is (Role.BACKUP if first else Role.ACTIVE)
    engine.configure(config(behind_tunnels=not first), Millis(200))
    engine.timers(Millis(50_000))
    assert engine.role("router80") is (Role.ACTIVE if first else Role.BACKUP)
    engine.reach(nobody=False, now=Millis(50_000))
    engine.timers(Millis(50_000) if first else Millis(60_000))
    assert engine.role("router80") is Role.ACTIVE


def test_new_settings_do_not_make_a_wait_longer_that_was_cut_short() -> None:
    machine, _ = run(backup(), (heard(0), 1100), (Configured(config(priority=50)), 1150))
    assert at(machine) == 1100 + backup().skew


def test_peers_are_of_the_family_of_the_router() -> None:
    mixed = config(peers=(Peer(source=IPv6Address("fe80::1"), priority=100),))
    assert refuse([mixed]) == {"router80": "peers: all sources must be of the family of the source"}


def test_a_name_with_a_nul_is_refused() -> None:
    assert list(refuse([config(interface="eth0\0")])) == ["router80"]


def test_a_router_that_comes_to_a_host_that_is_cut_off_knows_it() -> None:
    engine = Engine()
    engine.reach(nobody=True, now=Millis(0))
    engine.start(config(), Millis(0), adopt=False)
    engine.timers(Millis(99_000))
    assert engine.role("router80") is Role.BACKUP
    orders = engine.start(config(name="adopted", vrid=2), Millis(99_000), adopt=True)
    assert engine.role("adopted") is Role.BACKUP
    assert any(isinstance(order.action, Remove) for order in orders)
    assert not isinstance(orders[-1].action, Transmit)


def _advert(like: VirtualRouterConfig) -> bytes:
    from unit.vrrp.samples import advert_from

    return advert_from(replace(like, source=THEM, priority=200))
