"""A lab at a glance, as lines of text."""

from collections.abc import Iterator

from futago.lab import processes
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from futago.lab.topology import Kind


def lines(lab: Lab) -> Iterator[str]:
    """Each host and what runs on it, then each router and the state of its replicas."""
    yield f"lab {lab.name}, profile {lab.profile}"
    for host in lab.plans:
        yield _host(lab, host) if host in lab.powered else f"{host:11} off"
    for instance in lab.instances.values():
        power = "on " if instance.host in lab.powered else "off"
        yield f"{instance.name:11} {power}  {instance.host}, {instance.address}"
    try:
        for router in lab.api().list("routers"):
            states = ", ".join(f"{host} {state}" for host, state in sorted(lab.agents_of(router["id"]).items()))
            yield f"router {router['name']} ({router['id']}): {states or 'on no node'}"
    except LabError as error:
        yield f"the API does not answer: {error}"


def _host(lab: Lab, host: str) -> str:
    """A host that is on: its memory, its processes, and what is not as it should be."""
    plan = lab.plans[host]
    running = [] if plan.kind is Kind.EXTERNAL else processes.of_futago(lab.process(host))
    troubles = [f"{program} down" for program in plan.programs if not lab.running(host, program)]
    troubles += [f"cable to {network} cut" for network in lab.cut_cables(host)]
    troubles += [f"{network} {direction} lost" for network, direction in lab.one_way_cuts(host)]
    what = ", ".join([*processes.labels(running), *(f"!! {trouble}" for trouble in troubles)])
    return f"{host:11} on   {processes.memory_mib(running):5.0f} MiB  {what}".rstrip()
