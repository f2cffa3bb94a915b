"""When the engine is told, and what of it: with an engine that keeps what it is told, as the real one does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from futago.node.drivers import vrrpd
from futago.node.drivers.vrrpd import Elections
from futago.node.features.ha import elections
from futago.values import Role
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.control import RouterStatus, VrrpdClient, VrrpdGone
from host.node_specs import router
from unit.node.kit import VLANS, specs_of

WANTED = elections(specs_of([router(ha=True)]), VLANS)
((KEY, CONFIG),) = WANTED.items()
CHANGED = {KEY: replace(CONFIG, priority=77)}


class FakeEngine(VrrpdClient):
    def __init__(self) -> None:
        super().__init__()
        self.routers: dict[str, VirtualRouterConfig] = {}
        self.gone = False
        self.told = 0

    async def configure(self, routers: Sequence[VirtualRouterConfig]) -> dict[str, str]:
        self._check()
        self.told += 1
        self.routers = {config.name: config for config in routers}
        return {}

    async def status(self) -> tuple[RouterStatus, ...]:
        self._check()
        return tuple(RouterStatus(name=name, role=Role.BACKUP, since=1.0, cause="test") for name in self.routers)

    async def watch(self) -> AsyncIterator[RouterStatus]:
        for status in await self.status():
            yield status
        while not self.gone:  # noqa: ASYNC110 - a flag is enough for a fake
            await asyncio.sleep(0)
        self._check()

    def _check(self) -> None:
        if self.gone:
            raise VrrpdGone("gone")


def never(_: str) -> bool:
    return False


def always(_: str) -> bool:
    return True


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def elect(engine: FakeEngine, *, on_return: Callable[[], None] = lambda: None) -> Elections:
    return Elections(engine, on_role=lambda: None, on_return=on_return)


def test_a_router_is_not_elected_for_before_it_is_wired(engine: FakeEngine) -> None:
    asyncio.run(elect(engine).configure(WANTED, never))
    assert engine.routers == {}


def test_a_wired_router_is_elected_for_and_told_once(engine: FakeEngine) -> None:
    async def scenario() -> None:
        it = elect(engine)
        await it.configure(WANTED, always)
        await it.configure(WANTED, always)

    asyncio.run(scenario())
    assert list(engine.routers.values()) == [CONFIG]
    assert engine.told == 1


def test_a_router_keeps_its_election_while_a_new_leg_is_not_wired_yet(engine: FakeEngine) -> None:
    async def scenario() -> None:
        it = elect(engine)
        await it.configure(WANTED, always)
        await it.configure(CHANGED, never)

    asyncio.run(scenario())
    assert list(engine.routers.values()) == [CONFIG]


def test_a_new_agent_does_not_end_an_election_that_it_finds(engine: FakeEngine) -> None:
    """Its wiring was complete when it began; the switch may only be slow to answer now."""
    engine.routers = {CONFIG.name: CONFIG}
    asyncio.run(elect(engine).configure(WANTED, never))
    assert list(engine.routers.values()) == [CONFIG]


def test_the_last_word_of_an_engine_that_stays_away_is_not_repeated_for_ever(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vrrpd, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(vrrpd, "_AGAIN_SECONDS", 0.0)

    async def scenario() -> None:
        it = elect(engine)
        await it.configure(WANTED, always)
        watching = asyncio.create_task(it.watch())
        async with asyncio.timeout(20):
            while not it.roles:  # noqa: ASYNC110 - the roles are what is asked of it
                await asyncio.sleep(0)
            engine.gone = True
            while it.roles:  # noqa: ASYNC110
                await asyncio.sleep(0)
        watching.cancel()

    asyncio.run(scenario())


def test_no_election_begins_for_a_router_that_is_held(engine: FakeEngine) -> None:
    asyncio.run(elect(engine).configure(WANTED, always, held=WANTED.keys()))
    assert engine.routers == {}


@pytest.mark.parametrize("told", [True, False])
def test_an_election_that_runs_goes_on_when_its_router_is_held(engine: FakeEngine, *, told: bool) -> None:
    """What is wanted of it reaches it all the same: it must not keep an old floating IP."""

    async def scenario() -> None:
        it = elect(engine)
        if told:
            await it.configure(WANTED, always)
        await it.configure(CHANGED, always, held=CHANGED.keys())

    engine.routers = {CONFIG.name: CONFIG}
    asyncio.run(scenario())
    assert list(engine.routers.values()) == [CHANGED[KEY]]


def test_the_first_role_is_logged_as_a_change_from_initialize(engine: FakeEngine) -> None:
    it = elect(engine)
    with capture_logs() as logs:
        for role in (Role.INITIALIZE, Role.BACKUP, Role.BACKUP):
            it._learn(RouterStatus(name=CONFIG.name, role=role, since=1.0, cause="test"))
    assert [(log["was"], log["now"]) for log in logs] == [("initialize", "backup")]


def test_a_router_that_is_not_wanted_is_elected_for_no_more(engine: FakeEngine) -> None:
    engine.routers = {CONFIG.name: CONFIG}
    asyncio.run(elect(engine).configure({}, always))
    assert engine.routers == {}


def test_an_absent_engine_is_a_failure_of_every_router_until_it_is_told(engine: FakeEngine) -> None:
    async def scenario() -> tuple[dict[str, str], dict[str, str]]:
        it = elect(engine)
        engine.gone = True
        await it.configure(WANTED, always)
        without = it.failures
        engine.gone = False
        await it.configure(WANTED, always)
        return without, it.failures

    assert asyncio.run(scenario()) == ({KEY: "gone"}, {})


def test_an_engine_that_comes_back_is_told_again_and_its_roles_are_reported(engine: FakeEngine) -> None:
    async def scenario() -> Elections:
        returns = asyncio.Queue[None]()
        it = elect(engine, on_return=lambda: returns.put_nowait(None))
        watching = asyncio.ensure_future(it.watch())
        await returns.get()
        await it.configure(WANTED, always)
        engine.gone = True
        await returns.get()
        engine.gone, engine.routers = False, {}
        await returns.get()
        await it.configure(WANTED, always)
        engine.gone = True
        await returns.get()
        engine.gone = False
        await returns.get()
        while not it.roles:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        watching.cancel()
        return it

    it = asyncio.run(asyncio.wait_for(scenario(), 20))
    assert list(engine.routers.values()) == [CONFIG]
    assert [(role.router_id, role.role) for role in it.roles] == [(CONFIG.name, Role.BACKUP)]


def test_a_revision_changes_what_was_told_last_and_nothing_else(engine: FakeEngine) -> None:
    async def scenario() -> None:
        it = elect(engine)
        await it.configure(WANTED, always)
        await it.revise(lambda told: {key: replace(one, yielding=True) for key, one in told.items()})
        await it.revise(lambda told: {key: replace(one, yielding=True) for key, one in told.items()})

    asyncio.run(scenario())
    assert list(engine.routers.values()) == [replace(CONFIG, yielding=True)]
    assert engine.told == 2


def test_a_revision_before_anything_was_told_ends_no_election(engine: FakeEngine) -> None:
    engine.routers = {CONFIG.name: CONFIG}
    asyncio.run(elect(engine).revise(dict))
    assert list(engine.routers) == [CONFIG.name]
