"""`futago controller`: the API, identity and the nodes' interface on one port."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from futago import logs
from futago.config import CONTROLLER_FILE, BadConfig, ControllerConfig, Profile, load, parse

BAD_USE: Final = 2
_HIGHEST_PORT: Final = 65535
_ONLY_US: Final = 0o077
"""The umask: the database and the keys are nobody else's to read."""

_EPILOG: Final = """
[b]Examples[/b]

  futago controller
  futago controller --listen 127.0.0.1:9696 --state ./state
  futago controller --config ./controller.toml --profile seed

The first start makes the users admin and demo, and writes into the state directory:
  clouds.yaml, admin-openrc      for `openstack` and other clients
  admin-password, demo-password
  join-token                     which nodes need to join
FUTAGO_ADMIN_PASSWORD presets the password of admin.

A configuration file is TOML, for example:
  public_url = "http://controller.example.org:9696"
  state_path = "/var/lib/futago/controller"
"""

_WELCOME: Final = """\
This is the first start. In {state} there are now, readable by you only:
  clouds.yaml     the clouds "futago" (admin) and "futago-demo" (demo)
  admin-openrc    the same for a shell
  admin-password  the password of admin
  demo-password   the password of demo
  join-token      what a node shows to join: copy it to /etc/futago/join-token there
Try:
  export OS_CLIENT_CONFIG_FILE={clouds}
  openstack --os-cloud futago network agent list
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("controller", epilog=_EPILOG)(run)


def run(
    config: Annotated[
        str, typer.Option(metavar="FILE", help=f"Settings, in TOML. \\[default: {CONTROLLER_FILE} if it exists]")
    ] = "",
    listen: Annotated[str, typer.Option(metavar="ADDR:PORT", help="Where to serve. \\[default: 0.0.0.0:9696]")] = "",
    state: Annotated[
        str,
        typer.Option(
            metavar="DIR", help=f"Database, keys, first credentials. \\[default: {ControllerConfig().state_path}]"
        ),
    ] = "",
    profile: Annotated[
        str,
        typer.Option(metavar="default|fast|seed", help="How routers elect: VRRPv3 with BFD, or as Neutron does."),
    ] = "",
) -> None:
    """Serve the Networking API, identity and the nodes."""
    logs.to_stderr()
    try:
        settings = settings_of(config, _overrides(listen, state, profile))
    except BadConfig as error:
        _fail(str(error))
    os.umask(_ONLY_US)
    _serve(settings)


def _serve(settings: ControllerConfig) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from futago.controller.main import build, claim_state, listen, serve
    from futago.controller.store.database import Failed

    address = f"{settings.listen_address}:{settings.listen_port}"
    try:
        listener = listen(settings)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]
        _fail(f"cannot listen on {address}: {why}; choose another with --listen ADDR:PORT")
    try:
        claim_state(settings.state_path)
        app = build(settings)
    except BadConfig as error:
        _fail(str(error))
    except OSError as error:
        _fail(
            f"cannot use the state directory {settings.state_path}: {error.strerror}; choose another with --state DIR"
        )
    except (SQLAlchemyError, Failed) as error:
        _fail(f"cannot use the database in {_place(settings)}: {_first_line(error)}")
    made = app.state.first_start
    if settings.identity.url:
        print(f"identity is {settings.identity.url}; join-token (for nodes) is in {settings.state_path}", flush=True)
    elif made is not None:
        print(_WELCOME.format(state=made.state_path, clouds=made.clouds_file), flush=True)
    else:
        print(f"clouds.yaml and join-token (for nodes) are in {settings.state_path}", flush=True)
    serve(settings, listener, app)


def settings_of(file: str, overrides: dict[str, Any]) -> ControllerConfig:
    """A file that was named must be there; without one, the default place or the defaults.

    Raises:
        BadConfig: it cannot be used.

    """
    if file or CONTROLLER_FILE.exists():
        return load(Path(file) if file else CONTROLLER_FILE, ControllerConfig, overrides)
    return parse(overrides, ControllerConfig, "command line")


def _overrides(listen: str, state: str, profile: str) -> dict[str, Any]:
    """What the command line says of the settings; "" is an option that was not given."""
    given: dict[str, Any] = {}
    if listen:
        given["listen_address"], given["listen_port"] = _address_and_port(listen)
    if state:
        given["state_path"] = str(Path(state).absolute())
    if profile:
        if profile not in tuple(Profile):
            raise BadConfig(f"--profile {profile}: expected {' or '.join(Profile)}")
        given["profile"] = profile
    return given


def _address_and_port(text: str) -> tuple[str, int]:
    """`ADDR:PORT`, `[V6]:PORT`, `:PORT`."""
    address, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise BadConfig(f"--listen {text}: expected ADDR:PORT, as 127.0.0.1:9696")
    return address.removeprefix("[").removesuffix("]") or ControllerConfig().listen_address, int(port)


def _place(settings: ControllerConfig) -> str:
    """Where the database is, without a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(settings.database_url).render_as_string() if settings.database_url else str(settings.state_path)
    except ArgumentError:
        return "database_url"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _fail(message: str) -> NoReturn:
    print(f"futago controller: {message}", file=sys.stderr)
    raise typer.Exit(BAD_USE)
