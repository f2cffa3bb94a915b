"""Whom to believe dead."""

from futago.values import IPAddress, IPv4Address, Millis
from futago.vrrp.liveness import FLAPS, STEADY, TOGETHER, Liveness

ONE, TWO, THREE = (IPv4Address(f"172.31.0.{number}") for number in (12, 21, 22))


def at(seconds: float) -> Millis:
    return Millis(int(seconds * 1000))


def test_a_session_that_fails_is_a_lost_host_once() -> None:
    liveness = Liveness()
    assert liveness.update({ONE: True, TWO: True}, at(0)) == []
    assert liveness.update({ONE: False, TWO: True}, at(1)) == [ONE]
    assert liveness.update({ONE: False, TWO: True}, at(2)) == []


def test_a_session_that_has_never_been_up_says_nothing() -> None:
    liveness = Liveness()
    assert liveness.update({ONE: False}, at(0)) == []
    assert liveness.update({ONE: False, TWO: False}, at(9)) == []
    assert not liveness.isolated


def test_a_session_that_is_gone_is_no_lost_host() -> None:
    """Its port was removed, or the switch's database is empty after a restart."""
    liveness = Liveness()
    liveness.update({ONE: True}, at(0))
    assert liveness.update({}, at(1)) == []


def flap(liveness: Liveness, times: int, since: float) -> list[list[IPAddress]]:
    lost = []
    for number in range(times):
        liveness.update({ONE: True}, at(since + number))
        lost.append(liveness.update({ONE: False}, at(since + number + 0.5)))
    return lost


def test_a_session_that_flaps_is_not_believed_until_it_was_up_for_long() -> None:
    liveness = Liveness()
    assert flap(liveness, FLAPS + 2, since=0) == [[ONE]] * FLAPS + [[], []]
    assert liveness.sessions[ONE].damped
    assert liveness.sessions[ONE].losses == FLAPS + 2
    liveness.update({ONE: True}, at(100))
    assert liveness.update({ONE: False}, Millis(at(100) + STEADY - 1)) == []
    liveness.update({ONE: True}, at(200))
    liveness.settle(Millis(at(200) + STEADY))
    assert not liveness.sessions[ONE].damped
    assert liveness.update({ONE: False}, Millis(at(200) + STEADY)) == [ONE]


def test_what_was_lost_before_a_long_time_up_is_forgotten() -> None:
    """However many failures a node's start has brought: its death soon after that is believed."""
    liveness = Liveness()
    assert flap(liveness, FLAPS, since=0) == [[ONE]] * FLAPS
    liveness.update({ONE: True}, at(10))
    assert liveness.update({ONE: False}, Millis(at(10) + STEADY)) == [ONE]
    liveness.update({ONE: True}, at(31))
    assert not liveness.sessions[ONE].damped


def test_a_host_that_starts_many_routers_believes_no_loss_meanwhile() -> None:
    """Nor does what it missed then count against a session afterwards."""
    liveness = Liveness()
    liveness.busy(250, at(1))
    assert flap(liveness, FLAPS + 2, since=2) == [[]] * (FLAPS + 2)
    assert not liveness.sessions[ONE].damped
    liveness.update({ONE: True}, at(12))
    liveness.busy(1, at(12))
    assert liveness.update({ONE: False}, at(13)) == [ONE]


def test_a_few_losses_in_an_hour_are_no_flapping() -> None:
    liveness = Liveness()
    for number in range(3 * FLAPS):
        liveness.update({ONE: True}, at(300 * number))
        assert liveness.update({ONE: False}, at(300 * number + 60)) == [ONE]


def test_who_reaches_nobody_is_isolated_and_who_knows_one_only_cannot_tell() -> None:
    liveness = Liveness()
    liveness.update({ONE: True, TWO: True}, at(0))
    liveness.update({ONE: False, TWO: True}, at(1))
    assert not liveness.isolated
    liveness.update({ONE: False, TWO: False}, at(2))
    assert liveness.isolated
    liveness.update({ONE: False, TWO: True}, at(3))
    assert not liveness.isolated
    alone = Liveness()
    alone.update({ONE: True}, at(0))
    alone.update({ONE: False}, at(1))
    assert not alone.isolated


def test_one_host_that_is_lost_is_believed_at_once_and_two_together_are_not() -> None:
    """The second one may be the last that ends because of a cut at this host."""
    liveness = Liveness()
    liveness.update({ONE: True, TWO: True, THREE: True}, at(0))
    liveness.update({ONE: True, TWO: False, THREE: True}, at(1))
    assert liveness.doubt(at(1)) == 0
    liveness.update({ONE: False, TWO: False, THREE: True}, at(1.05))
    assert liveness.doubt(at(1.05)) == TOGETHER
    liveness.update({ONE: False, TWO: False, THREE: False}, at(9))
    assert liveness.doubt(at(9)) == 0


def test_a_host_that_never_answered_raises_no_doubt() -> None:
    liveness = Liveness()
    liveness.update({ONE: True, TWO: False}, at(0))
    liveness.update({ONE: False, TWO: False}, at(0.05))
    assert liveness.doubt(at(0.05)) == 0


def test_a_host_that_is_back_is_found_once_and_a_new_one_is_not() -> None:
    liveness = Liveness()
    found = []
    for second, up in enumerate((True, False, True, True)):
        liveness.update({ONE: up}, at(second))
        found.append(liveness.found)
    assert found == [{}, {}, {ONE: at(1)}, {}]


def test_a_host_that_was_never_reached_since_we_began_is_found_when_it_is() -> None:
    liveness = Liveness()
    liveness.update({ONE: True, TWO: False}, at(1))
    assert liveness.found == {}, "what is up at the first look was not away, as far as is known"
    liveness.update({ONE: True, TWO: True}, at(3))
    assert liveness.found == {TWO: at(1)}
    liveness.update({ONE: False, TWO: True}, at(5))
    liveness.update({ONE: True, TWO: True}, at(6))
    assert liveness.found == {ONE: at(5)}
