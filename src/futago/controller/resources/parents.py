"""What rules look at beside the thing itself: the network of a port, the group of a rule."""

from typing import Any, Final

from futago.controller.resources.definition import Reading, Rendered, Resource
from futago.controller.resources.network import NETWORKS
from futago.controller.resources.security_group import SECURITY_GROUPS

PARENTS: Final[dict[str, Resource[Any]]] = {"network": NETWORKS, "security_group": SECURITY_GROUPS}
"""By the name under which rules and attributes (`network_id`) know them."""
_OWNER: Final = "project_id"
_EXT: Final = "ext_parent"
"""As rules call what a resource is a part of, whatever it is."""
EXT_PARENT: Final = f"{_EXT}_id"
"""Under this name the parts have its id where rules look at them."""


class Parents:
    """Finds parents, whoever asks, and each once."""

    def __init__(self, reading: Reading, resource: Resource[Any] | None = None, *, must_be: bool = False) -> None:
        self._reading = reading
        self._must_be = must_be
        self._kinds = PARENTS
        if resource is not None and resource.parent is not None:
            self._kinds = {**PARENTS, _EXT: resource.parent.resource}
        self._rows: dict[tuple[str, str], Any] = {}
        self._shown: dict[tuple[str, str], Rendered] = {}

    def __call__(self, kind: str, parent_id: str, attribute: str) -> Any:
        """An attribute of the network, security group, parent… with this id; None where there is none.

        Raises:
            ApiError: it is to be the parent of what is made, and there is no such thing.

        """
        resource = self._kinds.get(kind)
        if resource is None:
            return None
        key = (kind, parent_id)
        if key not in self._rows:
            self._rows[key] = self._reading.view.get(resource.kind, id=parent_id)
        row = self._rows[key]
        if row is None and self._must_be:
            raise resource.not_found(parent_id)
        if row is None or attribute == _OWNER:
            return getattr(row, _OWNER, None)
        if key not in self._shown:
            self._shown[key] = resource.render(self._reading, [row])[0]
        return self._shown[key].get(attribute)
