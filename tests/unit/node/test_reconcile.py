from collections.abc import Collection, Sequence

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from futago.node.host import HOST, HostRefused, HostState, Namespace, NftTable, Owned
from futago.node.reconcile import LAST_RETRY_SECONDS, Reconciler, Stage

Things = dict[str, Namespace | NftTable]


class FakeHost:
    """Keeps what it is given, and refuses what the real one would: a table without its namespace, a full namespace."""

    def __init__(self) -> None:
        self.have: Things = {}
        self.refuse: set[str] = set()
        self.away = False
        self.calls: list[str] = []

    def driver(self, kind: type) -> "FakeDriver":
        return FakeDriver(self, kind)


class FakeDriver:
    def __init__(self, host: FakeHost, kind: type) -> None:
        self.host, self.kind = host, kind

    def read(self, wanted: Collection[Namespace | NftTable]) -> Things:  # noqa: ARG002 - the fake has no others'
        if self.host.away:
            raise HostRefused("away")
        return {key: one for key, one in self.host.have.items() if isinstance(one, self.kind)}

    def put(self, elements: Sequence[Namespace | NftTable]) -> dict[str, str]:
        return {one.key: problem for one in elements if (problem := self._put(one))}

    def remove(self, elements: Sequence[Namespace | NftTable]) -> dict[str, str]:
        return {one.key: problem for one in elements if (problem := self._remove(one))}

    def _put(self, one: Namespace | NftTable) -> str:
        if self.host.away or one.key in self.host.refuse:
            return "refused"
        if isinstance(one, NftTable) and f"namespace/{one.namespace}" not in self.host.have:
            return "no namespace"
        self.host.calls.append(f"put {one.key}")
        self.host.have[one.key] = one
        return ""

    def _remove(self, one: Namespace | NftTable) -> str:
        if self.host.away:
            return "away"
        if isinstance(one, Namespace) and f"nft/{one.name}" in self.host.have:
            return "namespace in use"
        self.host.calls.append(f"remove {one.key}")
        self.host.have.pop(one.key, None)
        return ""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def reconciler(host: FakeHost, clock: Clock | None = None) -> Reconciler:
    stages = (
        Stage("namespaces", host.driver(Namespace), (Namespace,)),
        Stage("nat", host.driver(NftTable), (NftTable,)),
    )
    return Reconciler(stages, clock or Clock())


def state(tables: dict[str, int]) -> HostState:
    """A namespace for each name, and in it a table with this text."""
    elements: Things = {}
    for name, body in tables.items():
        namespace, table = Namespace(name=name, forwarding=True), NftTable(namespace=name, body=str(body))
        elements |= {namespace.key: namespace, table.key: table}
    return HostState(elements={key: Owned(f"router/{key}", one) for key, one in elements.items()})


def wanted_of(tables: dict[str, int]) -> Things:
    return {key: owned.element for key, owned in state(tables).elements.items()}


def settle(it: Reconciler, wanted: HostState) -> None:
    it.put(wanted)
    it.remove(wanted)


states = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)
keys = st.sets(st.sampled_from([f"{kind}/{name}" for kind in ("namespace", "nft") for name in "abcd"]))


@given(st.lists(states, min_size=1, max_size=5))
def test_only_the_last_state_matters(path: list[dict[str, int]]) -> None:
    host = FakeHost()
    it = reconciler(host)
    for tables in path:
        settle(it, state(tables))
    assert host.have == wanted_of(path[-1])
    assert it.failures() == {}


@given(st.lists(st.tuples(states, keys, st.booleans(), st.booleans()), max_size=5), states)
def test_whatever_failed_on_the_way_the_end_is_reached(
    path: list[tuple[dict[str, int], set[str], bool, bool]], last: dict[str, int]
) -> None:
    """Refusals, a host that is away, restarts that forget everything: none of it shows in the end."""
    host, clock = FakeHost(), Clock()
    it = reconciler(host, clock)
    for tables, host.refuse, host.away, restart in path:
        it = reconciler(host, clock) if restart else it
        settle(it, state(tables))
    host.refuse, host.away = set(), False
    for _ in range(3):
        clock.now += LAST_RETRY_SECONDS
        settle(it, state(last))
    it.forget()
    settle(it, state(last))
    assert host.have == wanted_of(last)
    assert it.failures() == {}


def test_a_second_pass_and_a_restart_write_nothing() -> None:
    host = FakeHost()
    it = reconciler(host)
    settle(it, state({"a": 1}))
    host.calls.clear()
    settle(it, state({"a": 1}))
    settle(reconciler(host), state({"a": 1}))
    assert host.calls == []


def test_only_what_changed_is_touched() -> None:
    host = FakeHost()
    it = reconciler(host)
    settle(it, state({"a": 1, "b": 1}))
    host.calls.clear()
    settle(it, state({"a": 1, "b": 2}))
    assert host.calls == ["put nft/b"]


def test_put_comes_before_remove_and_removal_goes_backwards() -> None:
    host = FakeHost()
    it = reconciler(host)
    settle(it, state({"a": 1}))
    host.calls.clear()
    settle(it, state({"b": 1}))
    assert host.calls == ["put namespace/b", "put nft/b", "remove nft/a", "remove namespace/a"]


def test_a_failure_holds_up_nothing_else_and_names_its_owner() -> None:
    host = FakeHost()
    it = reconciler(host)
    host.refuse = {"nft/a"}
    settle(it, state({"a": 1, "b": 1}))
    assert it.failures() == {"router/nft/a": "refused"}
    assert "nft/b" in host.have


def test_a_failure_is_retried_after_a_growing_pause() -> None:
    host, clock = FakeHost(), Clock()
    it = reconciler(host, clock)
    host.refuse = {"nft/a"}
    pauses = []
    for _ in range(8):
        settle(it, state({"a": 1}))
        at = it.retry_at()
        assert at is not None
        pauses.append(round(at - clock.now, 1))
        clock.now = at
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_failure_is_not_retried_before_its_time_unless_something_else_is_wanted() -> None:
    host = FakeHost()
    it = reconciler(host)
    host.refuse = {"nft/a"}
    settle(it, state({"a": 1}))
    host.refuse = set()
    settle(it, state({"a": 1}))
    assert "nft/a" not in host.have
    settle(it, state({"a": 2}))
    assert host.have == wanted_of({"a": 2})


def test_what_cannot_be_read_is_a_failure_of_the_host_and_is_not_swept() -> None:
    host = FakeHost()
    settle(reconciler(host), state({"a": 1}))
    host.away = True
    it = reconciler(host)
    settle(it, state({}))
    assert it.failures() == {HOST: "away"}
    host.away = False
    settle(it, state({}))
    assert host.have == {}


def test_what_somebody_broke_is_mended_at_the_next_look() -> None:
    host = FakeHost()
    it = reconciler(host)
    settle(it, state({"a": 1}))
    del host.have["nft/a"]
    it.forget(["nat"])
    settle(it, state({"a": 1}))
    assert host.have == wanted_of({"a": 1})


def test_a_stage_looks_again_in_the_same_pass_when_something_it_hangs_on_was_put() -> None:
    """What it had put may be gone with what was there before, as a port's flows with the port's number."""
    host = FakeHost()
    stages = (
        Stage("namespaces", host.driver(Namespace), (Namespace,)),
        Stage("nat", host.driver(NftTable), (NftTable,), after="namespaces"),
    )
    loop = Reconciler(stages, Clock())
    loop.put(state({"a": 1}))
    host.have.clear()
    loop.forget(["namespaces"])
    loop.put(state({"a": 1}))
    assert set(host.have) == {"namespace/a", "nft/a"}
    host.calls.clear()
    loop.put(state({"a": 1}))
    assert host.calls == []


def test_what_somebody_else_changed_is_logged_and_what_we_did_is_not() -> None:
    host = FakeHost()
    it = reconciler(host)
    with capture_logs() as logs:
        settle(it, state({"a": 1, "b": 1}))
        settle(it, state({"a": 2}))
        it.forget()
        settle(it, state({"a": 2}))
        assert logs == []
        host.have.pop("nft/a")
        it.forget()
        settle(it, state({"a": 2}))
    assert [(log["event"], log["keys"]) for log in logs] == [("changed behind our back", ["nft/a"])]
    assert host.have == wanted_of({"a": 2})
