"""Three replicas of a router; and connections that are merely routed."""

from pathlib import Path

from host.conntrackd_kit import Talk, World, make_world, tcp, tcp_from_outside, tcp_untranslated, udp
from host.vrrpd_kit import wait_for


def all_go_on(talks: list[Talk], text: bytes) -> bool:
    """Whoever speaks first."""
    heard = [talk.server_says(text) for talk in talks] + [talk.client_says(text) for talk in talks]
    return heard == [text] * (2 * len(talks))


def test_conversations_outlive_two_of_three_nodes_one_after_the_other(tmp_path: Path) -> None:
    with make_world(tmp_path, number=3) as world:
        world.start()
        talks = [tcp(world), tcp_from_outside(world), udp(world)]
        for standby in world.standbys:
            world.wait_for_entries(standby, 3)
        first, both = world.active, world.standbys
        second = world.power_off(first, *both)
        assert all_go_on(talks, b"one is left behind")
        talks.append(tcp(world))
        (third,) = (one for one in both if one is not second)
        wait_for("the third follows the second", lambda: third.router.source == second.node)
        world.wait_for_entries(third, 4)
        assert world.power_off(second, third) is third
        assert all_go_on(talks, b"two are left behind")
        assert world.resets() == 0


def test_two_standbys_both_follow_whoever_becomes_active_by_plan(tmp_path: Path) -> None:
    with make_world(tmp_path, number=3) as world:
        world.start()
        talks = [tcp(world), udp(world)]
        for text in (b"one", b"two"):
            for standby in world.standbys:
                world.wait_for_entries(standby, 2)
            world.move()
            assert all_go_on(talks, text)
            world.pair.wait_for_one_active()
            world.wait_for_agreement()
        assert world.resets() == 0


def test_connections_that_are_merely_routed_are_replicated_where_that_is_wanted(tmp_path: Path) -> None:
    with make_world(tmp_path, scope="all") as world:
        world.start()
        talks = routed_and_translated(world)
        world.wait_for_entries(world.standby, 2)
        world.power_off_active()
        assert all_go_on(talks, b"push")
        assert world.resets() == 0


def test_connections_that_are_merely_routed_are_picked_up_where_they_are_not_replicated(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        world.start()
        talks = routed_and_translated(world)
        world.wait_for_entries(world.standby, 1)
        world.power_off_active()
        assert all_go_on(talks, b"push")
        assert world.resets() == 0


def routed_and_translated(world: World) -> list[Talk]:
    talks = [tcp_untranslated(world), tcp(world)]
    assert talks[0].seen_from == "192.168.80.9", "by its own address"
    return talks
