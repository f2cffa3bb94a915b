"""When the warden gives its worker up."""

from futago.values import Millis
from futago.vrrp.pulse import HOPELESS, IDLE, MISSED_BEATS, Pulse, Vigil

PATIENCE = Millis(900)


def test_a_worker_that_beats_is_never_given_up() -> None:
    pulse = Pulse()
    vigil = Vigil(pulse)
    for _ in range(20):
        pulse.beat(PATIENCE)
        assert not vigil.dead()


def test_a_silent_worker_is_given_up_once_and_before_its_peers_lose_patience() -> None:
    pulse = Pulse()
    vigil = Vigil(pulse)
    pulse.beat(PATIENCE)
    looks = [vigil.dead() for _ in range(20)]
    assert looks.count(True) == 1
    assert (looks.index(True) + 1) * vigil.pause() < PATIENCE / 1000


def test_a_worker_that_stays_silent_is_replaced_whether_it_was_active_or_not() -> None:
    for patience in (PATIENCE, Millis(0)):
        pulse = Pulse()
        vigil = Vigil(pulse)
        pulse.beat(patience)
        looks = 0
        while not vigil.hopeless():
            vigil.dead()
            looks += 1
        assert HOPELESS <= (looks - 1) * vigil.pause() < HOPELESS + 1
        pulse.beat(patience)
        vigil.dead()
        assert not vigil.hopeless()


def test_a_worker_that_lives_again_can_be_given_up_again() -> None:
    pulse = Pulse()
    vigil = Vigil(pulse)
    pulse.beat(PATIENCE)
    first = [vigil.dead() for _ in range(MISSED_BEATS + 1)]
    pulse.beat(PATIENCE)
    second = [vigil.dead() for _ in range(MISSED_BEATS + 1)]
    assert (first.count(True), second.count(True)) == (1, 1)


def test_a_worker_with_nothing_to_withdraw_may_be_silent() -> None:
    pulse = Pulse()
    vigil = Vigil(pulse)
    pulse.beat(Millis(0))
    assert not any(vigil.dead() for _ in range(20))
    assert vigil.pause() == IDLE


def test_a_new_worker_is_not_blamed_for_the_silence_of_the_old_one() -> None:
    pulse = Pulse()
    pulse.beat(PATIENCE)
    pulse.reset()
    vigil = Vigil(pulse)
    assert not any(vigil.dead() for _ in range(20))


def test_a_worker_learns_once_that_it_was_given_up() -> None:
    pulse = Pulse()
    assert not pulse.take_withdrawal()
    pulse.withdraw()
    assert [pulse.take_withdrawal(), pulse.take_withdrawal()] == [True, False]
