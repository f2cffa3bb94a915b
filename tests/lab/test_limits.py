"""What Futago takes of a host, and what it does when much is asked at once."""

from concurrent.futures import ThreadPoolExecutor

from futago.lab import processes
from futago.lab.demo import looks
from futago.lab.processes import Running
from lab_kit.cloud import Cloud


def running(cloud: Cloud, host: str) -> list[Running]:
    return processes.of_futago(cloud.lab.process(host))


def test_the_controller_takes_less_than_150_mib(healthy: Cloud) -> None:
    assert processes.memory_mib(running(healthy, "controller")) < 150


def test_a_network_node_takes_less_than_150_mib_and_few_processes(healthy: Cloud) -> None:
    there = {host: running(healthy, host) for host in healthy.nodes}
    assert [host for host, found in there.items() if processes.memory_mib(found) >= 150] == []
    assert {host: len(found) for host, found in there.items() if len(found) > 5 + 1} == {}


def test_eight_routers_made_at_the_same_moment_in_a_new_project_are_all_highly_available(healthy: Cloud) -> None:
    api = healthy.lab.api()
    project = api.create_project("crowd")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: api.create("routers", name=f"crowd{n}", tenant_id=project), range(8)))
    try:
        hosts = [sorted(healthy.lab.agents_of(router["id"])) for router in made]
        assert hosts == [["net1", "net2"]] * 8
        wanted = {f"qrouter-{router['id']}" for router in made}
        healthy.eventually("net1 has all", lambda: wanted <= set(looks.namespaces_of(healthy.lab, "net1")))
        healthy.eventually("net2 has all", lambda: wanted <= set(looks.namespaces_of(healthy.lab, "net2")))
        states = [["active", "standby"]] * 8
        healthy.eventually(
            "each has one active and one standby",
            lambda: [sorted(healthy.lab.agents_of(router["id"]).values()) for router in made] == states,
        )
    finally:
        for router in made:
            api.delete("routers", router["id"])
    healthy.eventually("net1 has them no more", lambda: not wanted & set(looks.namespaces_of(healthy.lab, "net1")))
