"""A new router: from router-interface-add returning until its gateway answers an instance's ping."""

import argparse
import time

from rich.table import Table

import _kit
from futago.config import Profile
from futago.lab.api import wait_for
from futago.lab.demo import looks, walkthrough
from futago.lab.lab import Lab


def one_round(lab: Lab, subnet: str) -> tuple[float, float]:
    """Make a router, join it to the network; seconds until the gateway answers, and until the API says active."""
    api = lab.api()
    looks.wait_for_silence(lab, "vm", walkthrough.GATEWAY)
    router = walkthrough.router(api)["id"]
    api.add_interface(router, subnet)
    began = time.monotonic()
    answers = looks.gateway_delay(lab, "vm", walkthrough.GATEWAY, began)
    wait_for("the API says active", lambda: lab.active_of(router), seconds=60)
    says = time.monotonic() - began
    api.call("PUT", f"/v2.0/routers/{router}/remove_router_interface", json={"subnet_id": subnet})
    api.delete("routers", router)
    return answers, says


def main() -> None:
    options = argparse.ArgumentParser(prog="./run bench router", description=__doc__)
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--profile", type=Profile, choices=list(Profile), default=Profile.DEFAULT)
    chosen = options.parse_args()
    with _kit.lab(chosen.profile) as lab:
        subnet = walkthrough.project_network(lab.api())["id"]
        lab.instance("vm", "compute1", walkthrough.PROJECT_NETWORK)
        found = [one_round(lab, subnet) for _ in range(chosen.runs)]
    answers, says = zip(*found, strict=True)
    table = Table(title=f"A new router, {chosen.runs} runs, profile {chosen.profile}")
    for column in ("seconds after interface-add", "min", "median", "max"):
        table.add_column(column)
    table.add_row("its gateway answers an instance", *_kit.spread(answers))
    table.add_row("the API shows one active", *_kit.spread(says))
    _kit.console.print(table)


if __name__ == "__main__":
    _kit.run(main)
