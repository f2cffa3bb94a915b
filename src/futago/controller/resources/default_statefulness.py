"""Whether new security groups are stateful where a request leaves it open: by the project, or by the whole system."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.resources import addressing_errors, lookup, parse, schema
from futago.controller.resources.definition import Field, Reading, Rendered, Resource, Values, Writing, chosen
from futago.controller.resources.schema import described
from futago.controller.store.addressing_rows import EVERY_PROJECT, DefaultStatefulness
from futago.controller.store.database import View

_COLUMNS: Final = {"stateful": "stateful"}


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[DefaultStatefulness]:
    """A project sees its own; that of the system is for admins."""
    return lookup.rows(reading, DefaultStatefulness, wanted)


def create(writing: Writing, values: Values) -> DefaultStatefulness:
    """Set it for a project, or for all that have none of their own."""
    project_id = EVERY_PROJECT if values["project_id"] is None else values["project_id"]
    if writing.txn.count(DefaultStatefulness, project_id=project_id):
        named = project_id or "system-wide"
        raise addressing_errors.SecurityGroupDefaultStatefulnessAlreadyExists(project_id=named)
    row = DefaultStatefulness(id=str(uuid.uuid4()), project_id=project_id, stateful=values["stateful"])
    return writing.txn.add(row)


def update(writing: Writing, row: DefaultStatefulness, values: Values) -> DefaultStatefulness:
    """Change it for groups that are made from now on."""
    return writing.txn.replace(row, replace(row, **chosen(values, _COLUMNS)))


def delete(writing: Writing, row: DefaultStatefulness) -> None:
    """Leave it to the system's, or, if this is that, to what always was."""
    writing.txn.remove(row)


def render(_reading: Reading, rows: Sequence[DefaultStatefulness]) -> list[Rendered]:
    """As Neutron shows them: the system's has no project."""
    return [
        {
            "id": row.id,
            "tenant_id": row.project_id or None,
            "project_id": row.project_id or None,
            "stateful": row.stateful,
        }
        for row in rows
    ]


def of_project(view: View, project_id: str) -> bool:
    """What a project's new groups are: as it says itself, else as the system says, else stateful."""
    found = view.find(DefaultStatefulness, project_id=[project_id, EVERY_PROJECT])
    known = {row.project_id: row.stateful for row in found}
    return known.get(project_id, known.get(EVERY_PROJECT, True))


_text = parse.text(255)


@described(schema.or_null(schema.of(_text) | {"minLength": 1}))
def _project(value: Any) -> str | None:
    """Null is the whole system; "" is not, lest a script with an empty variable changes it."""
    if value == "":
        raise parse.Unfit("'' is not a valid string")
    return None if value is None else _text(value)


DEFAULT_STATEFULNESS: Final = Resource(
    name="security_groups_default_statefulness",
    collection="security_groups_default_statefulness",
    kind=DefaultStatefulness,
    fields=(
        Field(name="id"),
        *(Field(name=name, parse=_project, default=None, post=True) for name in ("tenant_id", "project_id")),
        Field(name="stateful", parse=parse.boolean, default=True, post=True, put=True),
    ),
    not_found=lambda object_id: addressing_errors.SecurityGroupDefaultStatefulnessNotFound(object_id=object_id),
    columns=("id",),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
)
