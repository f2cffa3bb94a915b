"""`futago port …-metadata`: what the instances at ports are told of themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from futago.cli.store import BAD_USE, Config, State, fail, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from futago.controller.store.rows import InstanceData

_HOW: Final = """
[b]Examples[/b], on the controller's host:

  futago port set-metadata vm1 --ssh-key ~/.ssh/id_ed25519.pub --user-data cloud-config.yaml
  futago port set-metadata 192.168.80.5 --name web1 --meta role=web --meta tier=front
  futago port show-metadata vm1
  futago port unset-metadata vm1

Instances read it from http://169.254.169.254, by cloud-init's OpenStack or EC2 formats. Nodes with the role "metadata"
answer, whether or not the controller runs.
"""

Port = Annotated[str, typer.Argument(metavar="PORT", help="Its name, id, address, or how its id begins.")]


def register(port: typer.Typer) -> None:
    """Add the commands of this file to the group `port`."""
    port.command("set-metadata", epilog=_HOW)(set_metadata)
    port.command("show-metadata", epilog=_HOW)(show_metadata)
    port.command("unset-metadata", epilog=_HOW)(unset_metadata)


def set_metadata(
    name: Port,
    *,
    called: Annotated[str | None, typer.Option("--name", help="What the instance is called.")] = None,
    ssh_key: Annotated[
        list[str] | None, typer.Option(help="A public key, or a file with some, one a line; all that there are to be.")
    ] = None,
    user_data: Annotated[
        Path | None, typer.Option(help="A file: cloud-config, a script…; `-` is standard input.")
    ] = None,
    vendor_data: Annotated[Path | None, typer.Option(help="A file with a JSON object.")] = None,
    meta: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="All that there are to be.")] = None,
    availability_zone: Annotated[str | None, typer.Option()] = None,
    config: Config = "",
    state: State = "",
) -> None:
    """Say what the instance at a port is told of itself; what is not named stays as it is."""
    from futago.controller import instance_data

    program = "futago port set-metadata"
    try:
        wanted = instance_data.Change(
            name=called,
            ssh_keys=None if ssh_key is None else [key for one in ssh_key for key in _keys(one)],
            user_data=None if user_data is None else _content(user_data),
            vendor_data=None if vendor_data is None else _content(vendor_data).decode(),
            meta=None if meta is None else dict(_pair(one) for one in meta),
            availability_zone=availability_zone,
        )
    except (OSError, ValueError) as error:
        fail(program, str(error), BAD_USE)
    with opened(program, config, state) as (_, database):
        try:
            with database.write() as txn:
                instance_data.change(txn, instance_data.port_named(txn, name), wanted)
        except instance_data.DataRefused as error:
            fail(program, str(error), BAD_USE)


def show_metadata(
    name: Port,
    config: Config = "",
    state: State = "",
    json: Annotated[bool, typer.Option("--json", help="For programs; data is base64.")] = False,
) -> None:
    """Show what was set for the instance at a port."""
    from futago.controller import instance_data

    program = "futago port show-metadata"
    with opened(program, config, state) as (_, database), database.read() as view:
        try:
            found = instance_data.of(view, instance_data.port_named(view, name))
        except instance_data.DataRefused as error:
            fail(program, str(error), BAD_USE)
    if json:
        import msgspec

        print(msgspec.json.encode(found).decode())
        return
    for line in _shown(found):
        print(line)


def unset_metadata(name: Port, config: Config = "", state: State = "") -> None:
    """Forget what was set: the instance is told its port's name and addresses."""
    from futago.controller import instance_data

    program = "futago port unset-metadata"
    with opened(program, config, state) as (_, database):
        try:
            with database.write() as txn:
                instance_data.forget(txn, instance_data.port_named(txn, name))
        except instance_data.DataRefused as error:
            fail(program, str(error), BAD_USE)


def _shown(data: InstanceData) -> Iterator[str]:
    yield f"port               {data.port_id}"
    yield f"name               {data.name or '-'}"
    yield f"availability zone  {data.availability_zone or '-'}"
    for key in data.ssh_keys:
        yield f"ssh key            {key}"
    for key, value in sorted(data.meta.items()):
        yield f"meta               {key}={value}"
    for what, size in (("user data", len(data.user_data)), ("vendor data", len(data.vendor_data))):
        yield f"{what:<18} {f'{size} bytes' if size else '-'}"


def _keys(given: str) -> list[str]:
    """The keys of a file, or the one that is given itself."""
    path = Path(given).expanduser()
    lines = path.read_text().splitlines() if " " not in given and path.exists() else [given]
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _content(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.expanduser().read_bytes()


def _pair(given: str) -> tuple[str, str]:
    key, found, value = given.partition("=")
    if not (key and found):
        raise ValueError(f"{given!r} is not KEY=VALUE")
    return key, value
