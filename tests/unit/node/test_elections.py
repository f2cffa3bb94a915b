"""When the engine is told, and what of it: with an engine that keeps what it is told, as the real one does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from futago.lines import RequestRefused
from futago.node.drivers import vrrpd
from futago.node.drivers.vrrpd import Elections
from futago.node.features.ha import elections
from futago.values import IPv4Address, Millis, Role
from futago.vrrp.config import Peer, VirtualRouterConfig
from futago.vrrp.control import RouterStatus, VrrpdClient, VrrpdGone
from futago.vrrp.peers import YIELDS_BELOW
from host.node_specs import router
from unit.node.kit import VLANS, specs_of

WANTED = elections(specs_of([router(ha=True)]), VLANS)
((KEY, CONFIG),) = WANTED.items()
SHARED = {KEY: replace(CONFIG, peers=(Peer(source=IPv4Address("169.254.192.2"), priority=50),))}
CHANGED = {KEY: replace(CONFIG, priority=77)}


class FakeEngine(VrrpdClient):
    def __init__(self) -> None:
        super().__init__()
        self.routers: dict[str, VirtualRouterConfig] = {}
        self.gone = False
        self.told = 0
        self.changes: list[tuple[list[str], list[str]]] = []
        """The names that were put, and removed, by themselves."""

    async def change(self, put: Sequence[VirtualRouterConfig], remove: Collection[str], total: int) -> dict[str, str]:
        self._check()
        kept = {name: config for name, config in self.routers.items() if name not in remove}
        kept |= {config.name: config for config in put}
        if len(kept) != total:
            raise RequestRefused("lost")
        self.routers = kept
        self.changes.append(([config.name for config in put], list(remove)))
        return {}

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


def test_an_engine_that_knows_the_rest_is_told_only_what_has_changed(engine: FakeEngine) -> None:
    more = {"other": replace(CONFIG, name="other", vrid=2), "third": replace(CONFIG, name="third", vrid=3)}

    async def scenario() -> None:
        it = elect(engine)
        await it.configure({**WANTED, **more}, always)
        await it.configure({**CHANGED, "other": more["other"]}, always)

    asyncio.run(scenario())
    assert engine.told == 1
    assert engine.changes == [([CONFIG.name], ["third"])]
    assert engine.routers == {CONFIG.name: CHANGED[KEY], "other": more["other"]}


def test_an_engine_that_has_forgotten_is_told_everything(engine: FakeEngine) -> None:
    other = replace(CONFIG, name="other", vrid=2)

    async def scenario() -> None:
        it = elect(engine)
        await it.configure({**WANTED, "other": other}, always)
        engine.routers = {}
        await it.configure({**CHANGED, "other": other}, always)

    asyncio.run(scenario())
    assert engine.told == 2
    assert engine.routers == {CONFIG.name: CHANGED[KEY], "other": other}


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


def held_by_us(engine: FakeEngine, elected: Elections) -> None:
    """The engine is active for what it was told."""
    for name in engine.routers:
        elected._learn(RouterStatus(name=name, role=Role.ACTIVE, since=1.0, cause="test"))


def test_a_router_that_leaves_is_given_to_its_peers_first() -> None:
    async def story() -> tuple[int, VirtualRouterConfig]:
        engine = FakeEngine()
        elected = Elections(engine, on_role=lambda: None, on_return=lambda: None)
        await elected.configure(SHARED, always)
        held_by_us(engine, elected)
        leaving = asyncio.ensure_future(elected.hand_over(()))
        while engine.routers[CONFIG.name].priority == CONFIG.priority:  # noqa: ASYNC110 - a fake tells nobody
            await asyncio.sleep(0)
        wished = engine.routers[CONFIG.name]
        elected._learn(RouterStatus(name=CONFIG.name, role=Role.BACKUP, since=2.0, cause="higher priority heard"))
        await asyncio.wait_for(leaving, 5)
        return len(engine.routers), wished

    number, wished = asyncio.run(story())
    assert number == 1, "it is still there: the wiring goes first"
    assert wished.priority < YIELDS_BELOW


def test_a_router_whose_peers_do_not_take_it_leaves_all_the_same() -> None:
    async def story() -> None:
        engine = FakeEngine()
        elected = Elections(engine, on_role=lambda: None, on_return=lambda: None)
        await elected.configure(SHARED, always)
        held_by_us(engine, elected)
        await asyncio.wait_for(elected.hand_over(()), 5)
        await elected.configure({}, always)
        assert engine.routers == {}

    asyncio.run(story())


def test_nothing_is_said_of_a_router_that_stays_or_that_has_no_peers() -> None:
    async def story(wanted: dict[str, VirtualRouterConfig], staying: tuple[str, ...]) -> int:
        engine = FakeEngine()
        elected = Elections(engine, on_role=lambda: None, on_return=lambda: None)
        await elected.configure(wanted, always)
        held_by_us(engine, elected)
        told = engine.told
        await elected.hand_over(staying)
        return engine.told - told

    assert asyncio.run(story(SHARED, (KEY,))) == 0
    assert asyncio.run(story({KEY: replace(CONFIG, peers=())}, ())) == 0


def test_a_revision_changes_what_was_told_last_and_nothing_else(engine: FakeEngine) -> None:
    async def scenario() -> None:
        it = elect(engine)
        await it.configure(WANTED, always)
        await it.revise(lambda told: {key: replace(one, priority=7) for key, one in told.items()})
        await it.revise(lambda told: {key: replace(one, priority=7) for key, one in told.items()})

    asyncio.run(scenario())
    assert list(engine.routers.values()) == [replace(CONFIG, priority=7)]
    assert engine.changes == [([CONFIG.name], [])]


def test_a_revision_before_anything_was_told_ends_no_election(engine: FakeEngine) -> None:
    engine.routers = {CONFIG.name: CONFIG}
    asyncio.run(elect(engine).revise(dict))
    assert list(engine.routers) == [CONFIG.name]


def test_behind_a_switch_that_is_late_routers_advertise_more_slowly_unless_all_must_share_an_interval() -> None:
    fast = router(ha=True)
    assert fast.ha is not None
    fast = replace(fast, ha=replace(fast.ha, version=3, advert_interval=Millis(300), password=""))
    late = Millis(300)
    assert [one.advert_interval for one in elections(specs_of([fast]), VLANS, late).values()] == [1200]
    assert [one.advert_interval for one in elections(specs_of([fast]), VLANS).values()] == [300]
    slow = router(ha=True)
    assert [one.advert_interval for one in elections(specs_of([slow]), VLANS, Millis(600)).values()] == [2000]
