"""A lab at a glance, as lines of text."""

from collections.abc import Iterator

from futago.lab import processes
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from futago.lab.topology import Kind


def lines(lab: Lab) -> Iterator[str]:
    """Each host and what runs on it, then each router and the state of its replicas."""
    yield f"lab {lab.name}, profile {lab.profile}"
    for host, plan in lab.plans.items():
        if host not in lab.powered:
            yield f"{host:11} off"
            continue
        running = processes.of_futago(lab.process(host))
        what = ", ".join(sorted(item.what for item in running if plan.kind is not Kind.EXTERNAL))
        yield f"{host:11} on   {processes.memory_mib(running):5.0f} MiB  {what}"
    for instance in lab.instances.values():
        yield f"{instance.name:11} on   {instance.host}, {instance.address}"
    try:
        for router in lab.api().list("routers"):
            states = ", ".join(f"{host} {state}" for host, state in sorted(lab.agents_of(router["id"]).items()))
            yield f"router {router['name']} ({router['id']}): {states or 'on no node'}"
    except LabError as error:
        yield f"the API does not answer: {error}"
