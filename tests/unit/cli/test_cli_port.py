"""`futago port plug`: what cannot be is said before anything is touched."""

import pytest
from typer.testing import CliRunner

from futago.__main__ import app

PORT = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--netns", "a", "--mac", "zz"], "zz is no MAC address of an interface"),
        (["--netns", "a", "--mac", "01:00:5e:00:00:01"], "is no MAC address of an interface"),
        (["--netns", "a", "--mac", "fa:16:3e:00:00:01", "--mtu", "5"], "greater than or equal to 68"),
        (["--netns", "a", "--ifname", "longer-than-fifteen"], "longer-than-fifteen cannot be an interface's name"),
        (["--tap", "lo"], "lo cannot be an interface's name"),
        (["--tap", "a/b"], "a/b cannot be an interface's name"),
        (["--container", "-1"], "greater than or equal to 0"),
        ([], "give one of --netns, --tap and --container"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(options: list[str], sentence: str) -> None:
    done = CliRunner().invoke(app, ["port", "plug", PORT, *options])
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.replace("│", " ").split())
