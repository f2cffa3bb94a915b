"""A fight: controllers on one database, clients in threads, a look at what they left after each round."""

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from compat_kit.controller import Controller, wait_until
from compat_kit.nodes import TalkingNode
from database_kit import MariaDb, Postgres
from futago.controller.store.database import Database
from futago.values import Role
from raw_http import Client, Refused
from stress.cloud import Cloud, Tally, build
from stress.deeds import Fighter
from stress.judge import KINDS, broken, left_over

ORDER = ("floatingips", "routers", "ports", "networks")
_SETTINGS = """\
metrics_address = ""
vni_ranges = ["1000:1040"]
agent_down_time = 120
"""


@contextmanager
def controllers(kind: str, number: int, directory: Path) -> Iterator[tuple[list[Controller], str]]:
    """So many controllers on one new database, and its URL. They share the keys of the first."""
    with ExitStack() as stack:
        url = f"sqlite:///{directory}/futago.sqlite"
        if kind == "postgresql":
            url = stack.enter_context(Postgres(durable=True)).database()
        elif kind == "mariadb":
            url = stack.enter_context(MariaDb()).database()
        (directory / "controller.toml").write_text(f'{_SETTINGS}database_url = "{url}"\n')
        made: list[Controller] = []
        for position in range(number):
            state = directory / f"state{position}"
            if made:
                shutil.copytree(made[0].state, state)
            controller = Controller(state, "--config", str(directory / "controller.toml"))
            controller.start()
            stack.callback(controller.close)
            made.append(controller)
        yield made, url


def fight(kind: str, *, number: int, clients: int, seconds: float, rounds: int, seed: int, directory: Path) -> Tally:
    """The fight; what was told, and every failure, is in the tally."""
    tally = Tally()
    with controllers(kind, number, directory) as (running, url), _nodes(running):
        token = running[0].token()
        cloud = build(running[0], token)
        database = Database(url)
        for turn in range(rounds):
            until = time.monotonic() + seconds / rounds
            _together(
                clients,
                lambda place, turn=turn, until=until: _act(
                    running[place % number], token, cloud, tally, seed + 1000 * turn + place, until
                ),
                tally,
            )
            with database.read() as view:
                tally.failures += broken(view, cloud, tally)
        _clean_up(Client(running[0].port, token), tally)
        with database.read() as view:
            tally.failures += left_over(view, cloud)
        database.close()
        tally.failures += [f"a controller has died:\n{one.log()}" for one in running if one.process.poll() is not None]
    return tally


def killed(kind: str, *, kills: int, clients: int, seed: int, directory: Path) -> Tally:
    """Clients write, the controller is killed at some moment; started again, it has what it has acknowledged."""
    tally, moments = Tally(), random.Random(seed)
    with controllers(kind, 1, directory) as ([controller], url), _nodes([controller]):
        token = controller.token()
        cloud = build(controller, token)
        database = Database(url)
        for turn in range(kills):
            before = sum(tally.answers.values())
            fighters = [
                threading.Thread(
                    target=_act_until_killed, args=(Client(controller.port, token), cloud, tally, seed + 100 * turn + n)
                )
                for n in range(clients)
            ]
            for fighter in fighters:
                fighter.start()
            wait_until(lambda before=before: sum(tally.answers.values()) > before + clients, 60, "clients are answered")
            time.sleep(moments.uniform(0, 0.3))
            controller.kill()
            for fighter in fighters:
                fighter.join()
            controller.start()
            with database.read() as view:
                tally.failures += broken(view, cloud, tally)
        database.close()
    return tally


def _act_until_killed(client: Client, cloud: Cloud, tally: Tally, seed: int) -> None:
    fighter = Fighter(client, cloud, tally, seed)
    try:
        while True:
            fighter.act()
    except (OSError, Refused):
        return


def _act(controller: Controller, token: str, cloud: Cloud, tally: Tally, seed: int, until: float) -> None:
    fighter = Fighter(Client(controller.port, token), cloud, tally, seed)
    while time.monotonic() < until:
        fighter.act()


def _together(clients: int, work: Callable[[int], None], tally: Tally) -> None:
    def guarded(place: int) -> None:
        try:
            work(place)
        except Exception as error:  # noqa: BLE001 - the judge is to hear of it
            tally.fail(f"client {place}: {error!r}")

    threads = [threading.Thread(target=guarded, args=(place,)) for place in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _clean_up(client: Client, tally: Tally) -> None:
    """Delete everything that was made, the users of a thing before it."""
    for floating_ip in tally.some("floatingips"):
        client.call("DELETE", f"/v2.0/floatingips/{floating_ip}")
    for port in client.call("GET", "/v2.0/ports?fields=id&fields=device_id&fields=device_owner")["ports"]:
        if port["device_owner"] in {"network:router_interface", "network:ha_router_replicated_interface"}:
            body = {"port_id": port["id"]}
            client.call("PUT", f"/v2.0/routers/{port['device_id']}/remove_router_interface", body)
    for collection in (kind for kind in ORDER if kind in KINDS and kind != "floatingips"):
        for object_id in tally.some(collection):
            status, content = client.exchange(client.prepared("DELETE", f"/v2.0/{collection}/{object_id}"))
            if status not in {204, 404}:
                tally.fail(f"DELETE {collection} {object_id}: {status} {content!r}")


@contextmanager
def _nodes(running: list[Controller]) -> Iterator[None]:
    """Two network nodes that report, to different controllers if there are several."""
    token = running[0].join_token()
    with ExitStack() as stack:
        for number, role in ((1, Role.ACTIVE), (2, Role.BACKUP)):
            url = running[number % len(running)].url
            stack.enter_context(TalkingNode(url, token, f"net{number}", number=number, roles=("l3", "dhcp"), role=role))
        yield
