"""What a resource is: a table of typed fields, and the functions that make, change, show and delete one.

The API's generic CRUD reads these tables; it knows nothing of networking. Everything that a resource does to another
is a plain call in its functions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from futago.config import ControllerConfig
from futago.controller.caller import Caller
from futago.controller.policy.rules import STANDARD as STANDARD_POLICY
from futago.controller.policy.rules import Policy
from futago.controller.resources import parse
from futago.controller.resources.errors import ApiError
from futago.controller.resources.schema import Schema
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import Row

R = TypeVar("R", bound=Row)

Values = Mapping[str, Any]
"""Attributes by name, each of the type that its field's `parse` returns."""

Rendered = dict[str, Any]
"""A resource as the API shows it."""


class Absent:
    """The one value of a field that a request leaves open."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent()


class _Required:
    """Marks a field that a POST must give."""


REQUIRED: Final = _Required()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One attribute of a resource."""

    name: str
    parse: Callable[[Any], Any] = parse.anything
    """Makes the typed value, or raises `parse.Unfit` or an `ApiError`."""
    default: Any = ABSENT
    """For a POST that does not name it; `REQUIRED` where it must."""
    post: bool = False
    put: bool = False
    admin_sets: bool = False
    """Only an admin may set it to something other than its default."""
    admin_sees: bool = False
    shown: bool = True
    """Or it is only read from requests, or only filtered by."""
    pairs: bool = False
    """Filters on it are `key=value`."""
    listed_in: str = ""
    """An attribute that lists objects which have this one, for items that show it instead; filters look there."""
    enforced: bool = True
    """Whether the rule of who may set it is asked; if not, then only where the operator has one of another text."""
    weighed: bool = True
    """Who may not change a thing is told so if it may see it by this attribute; else that there is no such thing."""
    filterable: bool = True
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that is asked for; `lookup.rows` cuts it out in the database."""

    kind: type[Row]
    order: tuple[tuple[str, bool], ...]
    """Columns and whether downwards, the most significant first; the last one is the id."""
    after: Row | None
    """The row before the first one (or after the last one, if it is `backwards`) of the part."""
    limit: int
    backwards: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request sees: the store, the settings, who asks."""

    view: View
    config: ControllerConfig
    caller: Caller
    policy: Policy = STANDARD_POLICY
    window: Window | None = None
    """For the list itself, where the database can cut it."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What a request changes: one transaction, the settings, who asks."""

    txn: Transaction
    config: ControllerConfig
    caller: Caller
    policy: Policy = STANDARD_POLICY

    @property
    def reading(self) -> Reading:
        """The same, as far as reading goes."""
        return Reading(self.txn, self.config, self.caller, self.policy)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource(Generic[R]):
    """A kind of thing that the API serves."""

    name: str
    collection: str
    kind: type[R]
    fields: tuple[Field, ...]
    not_found: Callable[[str], ApiError]
    find: Callable[[Reading, Mapping[str, Sequence[str]]], list[R]]
    """The rows that the caller may see; the mapping holds filters on `columns`. It is what `lookup.rows` finds, with no
    row left out afterwards: a page is cut there."""
    render: Callable[[Reading, Sequence[R]], list[Rendered]]
    """All at once, so that a list costs a handful of queries."""
    url: str = ""
    """The collection as it stands in URLs, where that is not its name with hyphens."""
    columns: tuple[str, ...] = ("id", "name", "project_id")
    """Filters that `find` looks up in the database."""
    create: Callable[[Writing, Values], R] | None = None
    update: Callable[[Writing, R, Values], R] | None = None
    delete: Callable[[Writing, R], None] | None = None
    wanting: Callable[[Reading, str], bool] | None = None
    """Whether something must be made before a list of this project's is answered; `provide` makes it."""
    provide: Callable[[Writing, str], object] | None = None
    tagged: bool = False
    limited: bool = False
    """Its number is bounded by a quota."""
    paged: bool = True
    """Its list is what `lookup` finds, and the database can cut a page out of it."""
    prefix: str = ""
    """What stands before the collection in URLs, with a slash at its end."""
    parent: "Parent | None" = None
    """What each is a part of."""

    @property
    def rule(self) -> str:
        """What the rules of access call it: what is a part of something after that, too."""
        return self.name if self.above is None else f"{self.above.resource.name}_{self.name}"

    @property
    def above(self) -> "Parent | None":
        """The parent that stands in its URLs."""
        return self.parent if self.parent is not None and self.parent.in_path else None

    @property
    def path(self) -> str:
        """The collection as it stands in URLs; a pattern if it has a parent."""
        if self.above is not None:
            return f"{self.above.resource.path}/{{parent_id}}/{self.collection}"
        return self.prefix + (self.url or self.collection.replace("_", "-"))

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True)
class Parent:
    """What a resource is a part of."""

    resource: Resource[Any]
    column: str
    """Where the rows of the parts have its id; `create` finds it in its values under this name."""
    in_path: bool = True
    """The parts are found below its URL; or it only decides who may do what to them."""


Params = Mapping[str, str]
"""The parts of a URL that its pattern names, and those of its query; of a name that is there twice the last."""


@dataclass(frozen=True, slots=True)
class Action:
    """A request beside the usual five, either reading or writing; the path starts after `/v2.0`."""

    method: str
    path: str
    read: Callable[[Reading, Params], object] | None = None
    write: Callable[[Writing, Params, Any], object] | None = None
    status: int = 200
    takes: Schema | None = None
    """What a body must be; None where it is not looked at."""


STANDARD: Final = (
    Field(name="id"),
    Field(name="name", parse=parse.name, default="", post=True, put=True),
    Field(name="description", parse=parse.text(255), default="", post=True, put=True, sortable=False),
    Field(name="tenant_id", parse=parse.text(255), post=True),
    Field(name="project_id", parse=parse.text(255), post=True),
    Field(name="revision_number", sortable=False),
    Field(name="created_at", filterable=False, sortable=False),
    Field(name="updated_at", filterable=False, sortable=False),
    Field(name="tags", sortable=False),
)
"""The fields that every resource of a project has."""


def standard(row: Any) -> Rendered:
    """The `STANDARD` fields of a row."""
    return {
        "id": row.id,
        "name": row.name,
        "tenant_id": row.project_id,
        "project_id": row.project_id,
        "description": row.description,
        "revision_number": row.revision_number,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "tags": list(row.tags),
    }


def owned_by_project(reading: Reading, row: Any) -> bool:
    """An admin owns everything, everybody else what is their project's."""
    return bool(reading.caller.admin or row.project_id == reading.caller.project_id)


def chosen(values: Values, names: Mapping[str, str]) -> dict[str, Any]:
    """Columns for a row: `names` says which attribute becomes which column; absent ones are left out."""
    return {column: values[name] for name, column in names.items() if not isinstance(values.get(name, ABSENT), Absent)}
