"""Neutron's files of one or more hosts, turned into Futago's configuration, with a note for each option."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from futago import toml
from futago.config import ControllerConfig, NodeConfig, NodeRole, parse
from futago.neutron_files.ini import BadFile, read
from futago.neutron_files.options import FILES
from futago.neutron_files.rules import Fate, Outcome, Rule, Side, refused

_ROLE_FILES: Final = {"l3_agent.ini": "l3", "dhcp_agent.ini": "dhcp", "metadata_agent.ini": "metadata"}
_KINDS: Final = {Side.CONTROLLER: ControllerConfig, Side.NODE: NodeConfig}
_SECRET: Final = ("password", "secret", "connection", "transport_url")


@dataclass(frozen=True, slots=True)
class Note:
    """What became of one option."""

    host: str
    file: str
    section: str
    option: str
    value: str
    outcome: Outcome

    @property
    def where(self) -> str:
        return f"{self.file} [{self.section}] {self.option}"

    def __str__(self) -> str:
        hidden = self.value and any(word in self.option for word in _SECRET)
        shown = "***" if hidden else " ".join(self.value.split())
        return f"{self.host}: {self.where} = {shown}: {self.outcome.fate}: {self.outcome.text}"


@dataclass(slots=True)
class Settings:
    """One configuration file in the making."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    """Setting → the option that it comes from."""

    def take(self, key: str, value: Any, source: str) -> None:
        self.values[key], self.sources[key] = value, source

    def text(self) -> str:
        lines = (f"# {self.sources[key]}\n{toml.line(key, value)}" for key, value in self.values.items())
        return "# Made of Neutron's files by `futago config import`.\n" + "".join(lines)


@dataclass(slots=True)
class Conversion:
    """What several hosts' files come to."""

    controllers: tuple[str, ...]
    """The hosts that have a controller's files."""
    controller: Settings
    """The same for all of them."""
    nodes: dict[str, Settings]
    notes: list[Note]


def convert(directories: Sequence[Path], controller_urls: Sequence[str]) -> Conversion:
    """Read each directory, a host's /etc/neutron or a copy of it, whose name stands for the host.

    What Neutron has on its network nodes and Futago on its controller (how routers elect) is taken from whichever
    directory has it.

    Raises:
        BadFile: nothing is there, a file is no INI file, an option has a value that it cannot have, or two
            directories have one name.
        BadConfig: the settings contradict each other.

    """
    several = [name for name, count in Counter(one.name for one in directories).items() if count > 1]
    if several:
        raise BadFile(f"two directories are called {several[0]}: a directory's name stands for its host")
    found = {directory.name: _files(directory) for directory in directories}
    nodes = {host: files for host, files in found.items() if "openvswitch_agent.ini" in files}
    done = Conversion(
        controllers=tuple(host for host, files in found.items() if "ml2_conf.ini" in files),
        controller=Settings(),
        nodes={host: _node(files, controller_urls) for host, files in nodes.items()},
        notes=[],
    )
    for host, files in found.items():
        for name, path in files.items():
            for (section, option), value in read(path).items():
                note = Note(host, name, section, option, value, _outcome(path, section, option, value))
                done.notes.append(_settle(done, note))
    parse(done.controller.values, ControllerConfig, "what comes of Neutron's files for controller.toml")
    for host, node in done.nodes.items():
        parse(node.values, NodeConfig, f"what comes of the files of {host} for node.toml")
    return done


def _files(directory: Path) -> dict[str, Path]:
    found = {name: sorted(directory.rglob(name)) for name in FILES}
    files = {name: paths[0] for name, paths in found.items() if paths}
    if not files:
        raise BadFile(f"{directory} has none of {', '.join(FILES)}")
    return files


def _node(files: Mapping[str, Path], controller_urls: Sequence[str]) -> Settings:
    settings = Settings()
    settings.take("controller_urls", tuple(controller_urls), "Neutron's agents find their server by the broker")
    roles = {role: name for name, role in _ROLE_FILES.items() if name in files and role in tuple(NodeRole)}
    if roles:
        settings.take("roles", tuple(roles), f"there are {', '.join(roles.values())}")
    return settings


def _outcome(path: Path, section: str, option: str, value: str) -> Outcome:
    rules = FILES[path.name]
    rule: Rule | None = rules.get((section, option)) or rules.get((section, "*"))
    if rule is None:
        return Outcome(Fate.UNKNOWN, "no option that we know; it changes nothing")
    try:
        return rule(value)
    except ValueError as error:
        raise BadFile(f"{path} [{section}] {option}: {error}") from error


def _settle(done: Conversion, note: Note) -> Note:
    """Put the option's settings where they belong; the note says if they belong nowhere."""
    for (side, key), value in note.outcome.settings.items():
        settings = done.controller if side is Side.CONTROLLER else done.nodes.get(note.host)
        problem = ""
        if key not in _KINDS[side].__struct_fields__:
            problem = f"this version has no setting {key}"
        elif "$" in str(value):
            problem = "a value with $ in it is not filled in"
        elif settings is None:
            problem = "this host has no openvswitch_agent.ini, so it becomes no node"
        elif settings.values.get(key, value) != value:
            problem = f"{settings.sources[key]} says otherwise, and was first"
        else:
            settings.take(key, value, f"{note.host}: {note.where}")
        if problem:
            return Note(note.host, note.file, note.section, note.option, note.value, refused(problem))
    return note
