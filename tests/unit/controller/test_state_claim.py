"""One state directory, one controller."""

import subprocess
import sys
from pathlib import Path

from futago.controller.main import claim_state


def test_a_second_controller_on_a_state_directory_is_refused(tmp_path: Path) -> None:
    """Two would write one database and answer for the same nodes; the second says so, and what to do."""
    claim_state(tmp_path / "state")
    argv = [sys.executable, "-m", "futago", "controller", "--listen", "127.0.0.1:0", "--state", str(tmp_path / "state")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "another controller uses the state directory" in done.stderr
    assert "--state DIR" in done.stderr
    assert list((tmp_path / "state").iterdir()) == []
