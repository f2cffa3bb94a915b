"""`./run stress`: clients that get in each other's way, on a database of one's choice."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from stress.run import fight


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="./run stress", description=__doc__)
    options.add_argument("--minutes", type=float, default=2.0)
    options.add_argument("--database", choices=["sqlite", "postgresql", "mariadb"], default="sqlite")
    options.add_argument("--controllers", type=int, default=1, help="on the one database; SQLite takes one")
    options.add_argument("--clients", type=int, default=32)
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args(arguments)
    if chosen.database == "sqlite" and chosen.controllers > 1:
        options.error("several controllers need PostgreSQL or MariaDB")
    print(f"{chosen.clients} clients, {chosen.controllers} controllers on {chosen.database}, seed {chosen.seed}")
    with tempfile.TemporaryDirectory(prefix="futago-stress-") as directory:
        tally = fight(
            chosen.database,
            number=chosen.controllers,
            clients=chosen.clients,
            seconds=60 * chosen.minutes,
            rounds=max(1, round(6 * chosen.minutes)),
            seed=chosen.seed,
            directory=Path(directory),
        )
    for what, number in sorted(tally.answers.items()):
        print(f"{number:8,}  {what}")
    for failure in tally.failures[:20]:
        print(f"FAILED: {failure}")
    print(f"{sum(tally.answers.values()):,} answers, {len(tally.failures)} failures")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
