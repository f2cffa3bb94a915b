"""What a request costs the database: so many statements, whatever the cloud's size."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from api_kit import Client
from futago.controller.store.database import Database
from futago.controller.store.session import Session

Count = Callable[[Callable[[], Any]], int]


@pytest.fixture
def count(database: Database, monkeypatch: pytest.MonkeyPatch) -> Count:
    """How many statements a call takes."""
    seen: list[str] = []

    def noted(name: str) -> Callable[..., Any]:
        original = getattr(Session, name)

        def note(self: Session, text: str, *values: Any) -> Any:
            seen.append(text)
            return original(self, text, *values)

        return note

    for name in ("ask", "tell"):
        monkeypatch.setattr(Session, name, noted(name))
    event.listen(database._engine, "before_cursor_execute", lambda *args: seen.append(args[2]))

    def counted(work: Callable[[], Any]) -> int:
        seen.clear()
        work()
        return len(seen)

    return counted


@pytest.fixture
def cloud(admin: Client, two_network_nodes: tuple[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A network for ports and one for floating IPs; quotas are no hindrance."""
    project = admin.get("/v2.0/quotas/tenant")["tenant"]["tenant_id"]
    admin.put(f"/v2.0/quotas/{project}", {"quota": {"port": -1, "floatingip": -1, "network": -1, "router": -1}})
    network = admin.network(name="n")
    admin.subnet(network, "10.0.0.0/16")
    return network, admin.external(cidr="10.1.0.0/16")


def test_what_is_made_first_and_what_is_made_late_cost_the_same(
    admin: Client, cloud: tuple[dict[str, Any], dict[str, Any]], count: Count
) -> None:
    network, external = cloud
    deeds: dict[str, tuple[Callable[[], Any], int]] = {
        "network": (lambda: admin.network(name="x"), 12),
        "port": (lambda: admin.port(network), 20),
        "floating IP": (lambda: admin.floating_ip(external), 20),
        "router": (admin.router, 32),
    }
    for name, (work, most) in deeds.items():
        work()
        first = count(work)
        rest = [count(work) for _ in range(40)]
        assert max(first, *rest) <= most, f"{name}: {first}, {rest}"
        assert max(rest[-10:]) <= first + 2, f"{name}: {first}, {rest}"


@pytest.mark.parametrize(
    "path", ["networks", "subnets", "ports", "floatingips", "routers", "security-groups", "agents"]
)
def test_a_list_takes_as_many_statements_for_many_as_for_one(
    admin: Client, cloud: tuple[dict[str, Any], dict[str, Any]], count: Count, path: str
) -> None:
    network, external = cloud

    def more() -> None:
        admin.subnet(admin.network(name="m"), "10.2.0.0/24", enable_dhcp=False)
        admin.port(network)
        admin.floating_ip(external)
        admin.router()

    more()
    for query in ("", "?limit=1000", "?limit=1000&sort_key=id&sort_dir=asc"):
        few = count(lambda query=query: admin.get(f"/v2.0/{path}{query}"))
        for _ in range(3):
            more()
        assert count(lambda query=query: admin.get(f"/v2.0/{path}{query}")) == few <= 8


def test_one_port_is_shown_with_a_few_statements(
    admin: Client, cloud: tuple[dict[str, Any], dict[str, Any]], count: Count
) -> None:
    port = admin.port(cloud[0])
    assert count(lambda: admin.get(f"/v2.0/ports/{port['id']}")) <= 4
