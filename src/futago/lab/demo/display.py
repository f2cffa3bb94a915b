"""The demo's screen: results scroll by, below them the steps with their times. Plain lines where there is no tty."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

STEPS: Final = (
    "Build the lab; make the networks and the router",
    "Start two instances, one with a floating IP",
    "Look at what the two network nodes have",
    "Cut the active node's power under an ssh session",
    "Power it on again",
    "Compare",
)


class Display:
    """Steps begin and end; between, `say` prints a result and `now` replaces the line of the present state."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()
        self._began: dict[int, float] = {}
        self._took: dict[int, float] = {}
        self._state = ""
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._render, console=self.console, refresh_per_second=10, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Show step `number` (from 1) as running, then how long it took."""
        self._began[number] = time.monotonic()
        self.console.print(f"\n[bold cyan]{number}. {STEPS[number - 1]}[/]")
        yield
        self._took[number] = time.monotonic() - self._began[number]
        self._state = ""
        self.console.print(f"   [dim]step {number} took {self._took[number]:.1f} s[/]")

    def say(self, text: str) -> None:
        self.console.print(Text.from_markup(f"   {text}"), soft_wrap=True)

    def quote(self, title: str, text: str) -> None:
        """What a command printed, as it printed it."""
        self.console.print(Text(f"   {title}", style="bold"))
        for line in text.rstrip().splitlines():
            self.console.print(Text(f"   │ {line}"), soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        self.console.print(what)

    def now(self, text: str) -> None:
        """The state at this moment; on a terminal it stands beside the running step."""
        if text != self._state and not self.console.is_terminal:
            self.console.print(f"   … {text}")
        self._state = text

    def _render(self) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        for number, title in enumerate(STEPS, start=1):
            if number in self._took:
                grid.add_row("[green]✔[/]", title, f"[dim]{self._took[number]:.1f} s[/]", "")
            elif number in self._began:
                passed = time.monotonic() - self._began[number]
                grid.add_row(self._spinner, f"[bold]{title}[/]", f"{passed:.1f} s", Text(self._state, style="yellow"))
            else:
                grid.add_row(" ", f"[dim]{title}[/]", "", "")
        return Group(Text(""), grid)


def _console() -> Console:
    """Wide enough for a table of ids where nobody says how wide the terminal is."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)
