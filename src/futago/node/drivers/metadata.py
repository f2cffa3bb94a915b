"""The files of the program that answers instances, and the program itself: where it listens by its own word."""

from collections.abc import Collection, Sequence
from pathlib import Path

from futago.config import METADATA_DIRECTORY
from futago.contract.codec import BadMessage, decode, encode
from futago.metadata.config import Listener
from futago.metadata.control import ProgramGone, look_again
from futago.node.drivers.run import each
from futago.node.host import Answers, Asked

Wanted = Answers | Asked


class MetadataDriver:
    """Writes files whole or not at all: the program reads them whenever it is asked."""

    def __init__(self, socket: Path, directory: Path = METADATA_DIRECTORY) -> None:
        self._socket = socket
        self._directory = directory

    def read(self, wanted: Collection[Wanted]) -> dict[str, Wanted]:
        """The files that are there; places that nobody listens at are not."""
        found: dict[str, Wanted] = {one.key: one for one in self._answers()}
        listeners = self._listeners()
        if not (listeners or any(isinstance(one, Asked) for one in wanted)):
            return found
        try:
            heard = look_again(self._socket).names
        except ProgramGone:
            heard = ()
        # What should not be there is found without the program, too.
        names = {one.listener.name for one in wanted if isinstance(one, Asked)}
        known = (Asked(listener=one) for one in listeners if one.name in heard or one.name not in names)
        return found | {one.key: one for one in known}

    def put(self, elements: Sequence[Wanted]) -> dict[str, str]:
        failures = each(elements, self._write)
        return failures | self._tell([one for one in elements if one.key not in failures])

    def remove(self, elements: Sequence[Wanted]) -> dict[str, str]:
        """A socket that goes on listening would keep its namespace alive, so the program must have heard of it."""
        failures = each(elements, self._unlink)
        if any(isinstance(one, Asked) for one in elements):
            try:
                look_again(self._socket)
            except ProgramGone:
                return failures  # it has no sockets, and will open none there
        return failures

    def _tell(self, elements: Sequence[Wanted]) -> dict[str, str]:
        places = {one.listener.name: one.key for one in elements if isinstance(one, Asked)}
        if not places:
            return {}
        try:
            listening = look_again(self._socket)
        except ProgramGone as error:
            return dict.fromkeys(places.values(), f"instances are not told who they are: {error}")
        missing = places.keys() - set(listening.names)
        return {places[name]: f"metadata in {name}: {listening.failures.get(name, 'not served')}" for name in missing}

    def _write(self, element: Wanted) -> None:
        path, text = self._file(element)
        # Keys and user data are nobody else's.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        beside.write_bytes(text)
        beside.replace(path)

    def _unlink(self, element: Wanted) -> None:
        path, _ = self._file(element)
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()

    def _file(self, element: Wanted) -> tuple[Path, bytes]:
        if isinstance(element, Asked):
            return self._directory / element.listener.path, encode(element.listener)
        return self._directory / element.path, element.text.encode()

    def _answers(self) -> list[Answers]:
        paths = sorted(self._directory.glob("instances/*/*.json"))
        return [Answers(path=str(path.relative_to(self._directory)), text=path.read_text()) for path in paths]

    def _listeners(self) -> list[Listener]:
        found = []
        for path in sorted(self._directory.glob("listeners/*.json")):
            try:
                found.append(decode(path.read_bytes(), Listener))
            except BadMessage:
                path.unlink()
        return found
