"""Wiring only: the store, identity, the API and the nodes' interface become one ASGI application on one port."""

import fcntl
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from futago import metrics
from futago.config import BadConfig, ControllerConfig
from futago.controller import vrrp_keys
from futago.controller.api.app import build_api
from futago.controller.identity import first_start
from futago.controller.identity.app import build_authenticator
from futago.controller.metrics import CountRequests, Measure
from futago.controller.nodes.feed import Feed
from futago.controller.nodes.overlap import Overlaps
from futago.controller.nodes.southbound import build_nodes
from futago.controller.policy.file import BadPolicy
from futago.controller.policy.rules import Policy, load
from futago.controller.resources import quota
from futago.controller.store.database import Database, UnknownDatabase
from futago.controller.store.lowest_free import forget_segments
from futago.program import keep_few_arenas

_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 1
"""How long requests in flight may take to end once we are told to stop; long polls do not end by themselves."""

log = structlog.get_logger()


def open_database(config: ControllerConfig) -> Database:
    """The store that `config` names, brought to this version's form.

    Raises:
        BadConfig: it is of a kind that this version cannot use, or its driver is not installed.

    """
    config.state_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        database = Database(config.store_url)
    except ModuleNotFoundError as error:
        raise BadConfig(f"database_url needs the Python package {error.name}: docs/install.md says how") from error
    except UnknownDatabase as error:
        raise BadConfig(f"database_url: {error}") from error
    database.migrate()
    return database


def claim_state(path: Path) -> int:
    """Lock the state directory until this process ends; the descriptor is the lock.

    Raises:
        BadConfig: another controller has it.
        OSError: it cannot be made or read.

    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(directory)
        raise BadConfig(
            f"another controller uses the state directory {path}; choose another with --state DIR"
        ) from error
    return directory


def build(config: ControllerConfig) -> Starlette:
    """The whole controller as one application.

    What a first start made stands in `app.state.first_start`, what Prometheus is told in `app.state.metrics`.

    Raises:
        BadConfig: settings that contradict each other, or that this version cannot follow.

    """
    if config.router_distributed:
        raise BadConfig("router_distributed is true; this version has centralized routers only: set it to false")
    _check_quotas(config)
    keep_few_arenas()
    rules = _rules(config)
    database = open_database(config)
    database.transact_note(forget_segments)
    made = None if config.identity.url else first_start.prepare(database, config)
    vrrp_keys.ensure(database)
    authenticator, identity_routes = build_authenticator(database, config)
    feed = Feed(database, config)
    overlaps = Overlaps()
    node_routes = build_nodes(database, config, first_start.join_token(config.state_path), feed, overlaps)
    api_routes = build_api(database, config, authenticator, rules)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watch = database.watch()
        yield
        watch.stop()
        database.close()

    measure = Measure(database, config, feed, overlaps)
    app = Starlette(
        routes=[*identity_routes, *node_routes, *api_routes],
        middleware=[Middleware(CountRequests, measure=measure)],
        lifespan=lifespan,
    )
    app.state.first_start = made
    app.state.metrics = measure.registry
    return app


def _check_quotas(config: ControllerConfig) -> None:
    unknown = sorted(set(config.quotas) - set(quota.DEFAULTS))
    if unknown:
        raise BadConfig(f"quotas: {', '.join(unknown)}: there are quotas for {', '.join(quota.DEFAULTS)}")
    wrong = [name for name, limit in config.quotas.items() if not quota.UNBOUNDED <= limit <= quota.LARGEST]
    if wrong:
        raise BadConfig(f"quotas: {', '.join(wrong)}: a limit is a number of things, or -1 for any number")


def _rules(config: ControllerConfig) -> Policy:
    try:
        return load(config.policy_file)
    except BadPolicy as error:
        raise BadConfig(str(error)) from error


def listen(config: ControllerConfig) -> socket.socket:
    """The socket, bound before anything else is touched: a second controller on one port changes nothing.

    Raises:
        OSError: the port is in use, or the address is not ours.

    """
    family = socket.AF_INET6 if ":" in config.listen_address else socket.AF_INET
    return socket.create_server((config.listen_address, config.listen_port), family=family, backlog=_BACKLOG)


def serve(config: ControllerConfig, listener: socket.socket, app: Starlette) -> None:
    """Answer on `listener` until SIGTERM or SIGINT."""
    settings = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    gc.collect()
    gc.freeze()
    log.info("controller listens", address=config.listen_address, port=listener.getsockname()[1])
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, _nothing)  # uvicorn raises it again once it has stopped: that is no failure
    end_metrics = metrics.serve(config.metrics_address, app.state.metrics)
    uvicorn.Server(settings).run(sockets=[listener])
    end_metrics()
    log.info("controller stopped")


def _nothing(_signal_number: int, _frame: FrameType | None) -> None:
    """The server has done what the signal asked for."""
