"""The file that the engine goes on from."""

import stat
from pathlib import Path

import pytest

from futago.contract.codec import BadMessage
from futago.values import Millis, Role
from futago.vrrp import state
from futago.vrrp.state import Alive, AliveFile, Saved, SavedRole, StateWriter
from unit.vrrp.samples import router, router_v2

SAVED = Saved(
    routers=(router(), router_v2(name="other")),
    roles={"router80": SavedRole(role=Role.ACTIVE, since=1.5), "other": SavedRole(role=Role.BACKUP, since=2.5)},
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    state.save(tmp_path / "state", SAVED)
    assert state.load(tmp_path / "state") == SAVED


def test_without_a_file_there_are_no_routers(tmp_path: Path) -> None:
    assert state.load(tmp_path / "none") == Saved()


def test_a_file_that_is_not_ours_is_told_from_none(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("[1, 2")
    with pytest.raises(BadMessage):
        state.load(tmp_path / "state")


def test_a_new_state_replaces_the_old_one_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    state.save(tmp_path / "state", SAVED)
    state.save(tmp_path / "state", Saved())
    assert state.load(tmp_path / "state") == Saved()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_only_root_may_read_it_since_it_has_passwords(tmp_path: Path) -> None:
    state.save(tmp_path / "state", SAVED)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o600


def test_only_a_router_that_was_active_counts_as_active() -> None:
    assert [SAVED.active(name) for name in ("router80", "other", "unknown")] == [True, False, False]


def test_a_sign_of_life_is_recent_for_as_long_as_the_peers_wait() -> None:
    alive = Alive(boot="this", at=Millis(10_000))
    assert alive.recent(router(), Millis(13_000), "this")
    assert not alive.recent(router(), Millis(13_001), "this")


def test_a_sign_of_life_from_before_the_host_s_last_start_is_not_recent() -> None:
    assert not Alive(boot="other", at=Millis(10_000)).recent(router(), Millis(10_000), "this")


def test_version_3_waits_for_as_long_as_it_was_asked_to_and_version_2_cannot_be_asked() -> None:
    alive = Alive(boot="this", at=Millis(10_000), held_until=Millis(30_000))
    assert alive.recent(router(), Millis(30_000), "this")
    assert not alive.recent(router_v2(), Millis(16_001), "this")


def test_what_is_written_often_is_what_was_saved(tmp_path: Path) -> None:
    writer = StateWriter(tmp_path / "state")
    writer.save(SAVED.routers, SAVED.roles)
    assert state.load(tmp_path / "state") == SAVED
    changed = (router(priority=7), SAVED.routers[1])
    writer.save(changed, {})
    assert state.load(tmp_path / "state") == Saved(routers=changed)


def test_a_sign_of_life_is_there_for_the_next_engine(tmp_path: Path) -> None:
    alive = Alive(boot=state.boot_id(), at=Millis(2**50), held_until=Millis(7))
    AliveFile(tmp_path / "state").write(alive)
    assert AliveFile(tmp_path / "state").read() == alive


@pytest.mark.parametrize("content", [b"", b"[", b"{" * 100])
def test_a_sign_of_life_that_nobody_left_is_not_recent(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.alive").write_bytes(content)
    found = AliveFile(tmp_path / "state").read()
    assert not found.recent(router(), Millis(0), state.boot_id())
