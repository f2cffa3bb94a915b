"""Memory (PSS) and processes of everything that Futago runs on each host, with one router; Open vSwitch aside."""

from rich.table import Table

import _kit
from futago.config import Profile
from futago.lab import processes
from lab_kit import cloud as clouds


def main() -> None:
    table = Table(title="What runs, and the memory it takes (PSS)")
    for column in ("host", "processes", "MiB", "of which"):
        table.add_column(column)
    with _kit.lab(Profile.DEFAULT) as lab:
        clouds.make(lab).heal()
        for host in ("controller", "net1", "net2", "compute1"):
            running = processes.of_futago(lab.process(host))
            parts = ", ".join(f"{item.what} {processes.memory_mib([item]):.0f}" for item in running)
            table.add_row(host, str(len(running)), f"{processes.memory_mib(running):.0f}", parts)
    _kit.console.print(table)


if __name__ == "__main__":
    _kit.run(main)
