"""Many routers: whose packet, whose timer, whose change."""

from futago.values import IPv4Address, Millis, Role
from futago.vrrp import packet
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.engine import Engine, Transmit, same_virtual_router
from futago.vrrp.events import Put, Remove, RoleChanged
from futago.vrrp.flaws import refuse
from futago.vrrp.packet import DropReason
from unit.vrrp.samples import FLOATING, advert_from, ip_packet, router, router_v2

NOW = Millis(0)


def engine_with(*routers: VirtualRouterConfig, adopt: bool = False) -> Engine:
    engine = Engine()
    for one in routers:
        engine.start(one, NOW, adopt=adopt)
    return engine


def dropped(config: VirtualRouterConfig, data: bytes) -> dict[DropReason, int]:
    engine = engine_with(config)
    assert engine.receive(config.name, data, NOW) == []
    assert engine.counters(config.name).received == 0
    return dict(engine.counters(config.name).dropped)


def test_the_engine_wakes_for_the_router_that_is_due_first() -> None:
    engine = engine_with(router(name="slow"), router(name="fast", vrid=2, advert_interval=Millis(300)))
    assert engine.deadline() == 900 + 182
    orders = engine.timers(Millis(1082))
    assert {order.router.name for order in orders} == {"fast"}
    assert (engine.role("fast"), engine.role("slow")) == (Role.ACTIVE, Role.BACKUP)


def test_an_engine_without_routers_sleeps() -> None:
    assert Engine().deadline() is None


def test_a_moved_timer_does_not_wake_at_its_old_time() -> None:
    engine = engine_with(router())
    engine.receive("router80", advert_from(router()), Millis(500))
    assert engine.deadline() == 4109
    assert engine.timers(Millis(3609)) == []


def test_timers_of_a_router_that_was_stopped_do_not_fire() -> None:
    engine = engine_with(router())
    engine.stop("router80", NOW)
    assert engine.deadline() is None
    assert "router80" not in engine


def test_a_long_sleep_does_not_make_the_engine_catch_up_on_adverts() -> None:
    engine = engine_with(router(), adopt=True)
    orders = engine.timers(Millis(2900))
    assert len([o for o in orders if isinstance(o.action, Transmit)]) == 1


def test_a_sleep_past_the_others_patience_makes_an_active_router_a_backup() -> None:
    engine = engine_with(router(), adopt=True)
    orders = engine.timers(Millis(60_000))
    assert any(isinstance(o.action, Remove) for o in orders)
    assert engine.role("router80") is Role.BACKUP


def test_routers_whose_addresses_were_withdrawn_for_them_are_backups() -> None:
    engine = engine_with(router(), router(name="backup", vrid=2), adopt=False)
    engine.timers(Millis(3609))
    engine.withdrawn(Millis(3700))
    assert {engine.role(name) for name in engine.names()} == {Role.BACKUP}


def test_an_owner_counts_another_one_and_takes_it_seriously() -> None:
    """RFC 9568, 7.1 with erratum 8298."""
    owner = router(priority=255)
    engine = engine_with(owner)
    engine.receive("router80", advert_from(owner), Millis(500))
    assert engine.counters("router80").other_owners == 1
    assert engine.role("router80") is Role.BACKUP


def test_other_addresses_than_ours_are_counted_and_the_advert_is_used() -> None:
    engine = engine_with(router())
    engine.receive("router80", advert_from(router(), addresses=(IPv4Address("169.254.0.9"),)), NOW)
    counters = engine.counters("router80")
    assert (counters.other_addresses, counters.received) == (1, 1)


def test_goodbyes_are_counted_both_ways() -> None:
    engine = engine_with(router(), adopt=True)
    engine.receive("router80", advert_from(router(), priority=0), NOW)
    engine.resign("router80", NOW)
    counters = engine.counters("router80")
    assert (counters.goodbyes_received, counters.goodbyes_sent, counters.became_active) == (1, 1, 1)


def test_a_packet_that_was_not_sent_to_the_group_is_dropped() -> None:
    data = bytearray(advert_from(router()))
    data[16:20] = IPv4Address("169.254.192.1").packed
    assert dropped(router(), bytes(data)) == {DropReason.DESTINATION: 1}


def test_a_valid_advert_is_counted_and_its_source_remembered() -> None:
    engine = engine_with(router())
    engine.receive("router80", advert_from(router()), NOW)
    counters = engine.counters("router80")
    assert (counters.received, counters.peer) == (1, IPv4Address("169.254.192.2"))


def test_a_packet_for_a_router_that_has_just_gone_is_ignored() -> None:
    assert Engine().receive("router80", advert_from(router()), NOW) == []


def test_a_packet_that_passed_a_router_is_dropped() -> None:
    payload = advert_from(router())[20:]
    assert dropped(router(), ip_packet(payload, ttl=254)) == {DropReason.TTL: 1}


def test_a_packet_from_our_own_address_is_dropped_lest_two_of_us_answer_each_other_forever() -> None:
    payload = advert_from(router())[20:]
    assert dropped(router(), ip_packet(payload, source=IPv4Address(router().source))) == {DropReason.OWN_SOURCE: 1}


def test_the_other_version_is_dropped() -> None:
    assert dropped(router(), advert_from(router_v2())) == {DropReason.VERSION: 1}


def test_another_virtual_router_is_dropped() -> None:
    assert dropped(router(), advert_from(router(vrid=2))) == {DropReason.VRID: 1}


def test_a_wrong_password_is_dropped() -> None:
    assert dropped(router_v2(), advert_from(router_v2(password="openstock"))) == {DropReason.PASSWORD: 1}


def test_passwords_that_agree_in_their_first_eight_bytes_agree() -> None:
    engine = engine_with(router_v2())
    engine.receive("router80", advert_from(router_v2(password="openstacy")), NOW)
    assert engine.counters("router80").received == 1


def test_a_missing_password_is_dropped_and_so_is_an_unwanted_one() -> None:
    assert dropped(router_v2(), advert_from(router_v2(password=""))) == {DropReason.AUTH_TYPE: 1}
    assert dropped(router_v2(password=""), advert_from(router_v2())) == {DropReason.AUTH_TYPE: 1}


def test_version_2_drops_another_interval() -> None:
    other = router_v2(advert_interval=Millis(3000))
    assert dropped(router_v2(), advert_from(other)) == {DropReason.INTERVAL: 1}


def test_an_advert_carries_the_advertised_address_and_not_the_configured_ones() -> None:
    orders = engine_with(router()).timers(Millis(3609))
    (data,) = [o.action.data for o in orders if isinstance(o.action, Transmit)]
    assert packet.decode(data).addresses == (IPv4Address("169.254.0.1"),)


def test_a_changed_router_keeps_its_role_and_takes_the_new_address() -> None:
    engine = engine_with(router(), adopt=True)
    changed = router(addresses=(FLOATING,), routes=())
    actions = [order.action for order in engine.configure(changed, NOW)]
    assert actions[0] == Put((FLOATING,), ())
    assert engine.role("router80") is Role.ACTIVE
    assert engine.config("router80") == changed


def test_a_stopped_active_router_lets_go_and_says_so() -> None:
    actions = [order.action for order in engine_with(router(), adopt=True).stop("router80", NOW)]
    assert [type(action) for action in actions] == [Remove, Transmit, RoleChanged]


def test_before_a_restart_every_active_router_asks_for_patience_and_no_backup_does() -> None:
    engine = engine_with(router(name="a"), router(name="b", vrid=2), adopt=True)
    engine.start(router(name="c", vrid=3), NOW, adopt=False)
    orders = engine.hold(Millis(3000), NOW)
    assert [order.router.name for order in orders] == ["a", "b"]


def test_another_address_or_priority_is_the_same_virtual_router_but_another_vrid_is_not() -> None:
    assert same_virtual_router(router(), router(priority=7, addresses=()))
    assert not same_virtual_router(router(), router(vrid=7))


def test_descriptions_that_cannot_be_on_the_wire_are_refused_with_the_reason() -> None:
    bad = {
        "vrid": router(name="vrid", vrid=0),
        "priority": router(name="priority", vrid=2, priority=256),
        "interval": router_v2(name="interval", vrid=3, advert_interval=Millis(300)),
        "too long": router(name="too long", vrid=4, advert_interval=Millis(41_000)),
        "not whole": router_v2(name="not whole", vrid=5, advert_interval=Millis(2500)),
        "password": router(name="password", vrid=6, password="secret"),
        "no address": router(name="no address", vrid=7, advertised=()),
    }
    refused = refuse([router(vrid=9), *bad.values()])
    assert refused.keys() == bad.keys()
    assert "not a multiple of 1000, as VRRPv2 needs; " in refused["not whole"]


def test_an_impossible_preempt_delay_is_refused() -> None:
    assert refuse([router(preempt_delay=Millis(-1))]) == {"router80": "preempt_delay: a delay cannot be negative"}


def test_two_routers_cannot_share_a_name_or_a_virtual_router_id_on_one_interface() -> None:
    refused = refuse([router(), router(vrid=2), router(name="other")])
    assert refused == {
        "router80": "name: two routers have this name",
        "other": "vrid: router router80 has the same virtual router id on the same interface",
    }


def test_a_router_cannot_take_the_place_of_one_that_runs_beside_it() -> None:
    refused = refuse([router(name="new"), router(name="fine", vrid=2)], beside=[router()])
    assert refused == {"new": "vrid: router router80 has the same virtual router id on the same interface"}


def test_timers_are_served_a_few_at_a_time() -> None:
    engine = engine_with(*(router(name=str(n), vrid=n) for n in range(1, 6)), adopt=True)
    late = Millis(1200)
    served = [{order.router.name for order in engine.timers(late, at_most=2)} for _ in range(4)]
    assert [len(names) for names in served] == [2, 2, 1, 0]
    assert engine.deadline() == 2200


def test_adverts_that_are_almost_due_go_along_and_each_keeps_its_own_rhythm() -> None:
    engine = engine_with(router(name="a"), adopt=True)
    engine.start(router(name="b", vrid=2), Millis(80), adopt=True)
    engine.start(router(name="c", vrid=3), Millis(150), adopt=True)
    for at in range(0, 2000, 10):
        engine.timers(Millis(at))
    orders = [engine.timers(Millis(at)) for at in (2000, 2080, 2150, 3000)]
    sent = [[o.router.name for o in some if isinstance(o.action, Transmit)] for some in orders]
    assert sent == [["a", "b"], [], ["c"], ["a", "b"]]


def test_a_backup_does_not_elect_itself_early_for_company() -> None:
    engine = engine_with(router(name="a"), adopt=True)
    engine.start(router(name="b", vrid=2), NOW, adopt=False)
    for at in range(0, 3601, 10):
        engine.timers(Millis(at))
    assert engine.role("b") is Role.BACKUP
    engine.timers(Millis(3610))
    assert engine.role("b") is Role.ACTIVE
