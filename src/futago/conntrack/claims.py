"""Whom a standby believes: of the nodes that say they are active for a router, the last one to have become so. Pure.

No clock of another node is trusted: what comes later is what is heard of later. A node that connects again and says
what it has said before says nothing new.
"""


class Claims:
    """The claims on one router, as this node has heard them."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}
        self._order: list[str] = []

    @property
    def owner(self) -> str | None:
        """The node whose word counts."""
        return self._order[0] if self._order else None

    def claim(self, node: str, since: int) -> None:
        """`node` says that it is active since then, by its own clock."""
        new = self._said.get(node) != since
        self._said[node] = since
        if node in self._order:
            if not new:
                return
            self._order.remove(node)
        self._order.insert(0 if new else len(self._order), node)

    def withdraw(self, node: str) -> None:
        """`node` is not active any more, or its connection is gone."""
        if node in self._order:
            self._order.remove(node)
