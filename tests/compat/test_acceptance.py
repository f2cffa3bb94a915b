"""The acceptance suite of the walkthrough, which others wrote, where it lies beside the repository."""

import subprocess
from pathlib import Path

import pytest

from compat_kit.clients import NEUTRON, OPENSTACK
from compat_kit.controller import Controller

SUITE = Path(__file__).parents[3] / "shared/acceptance/run_blog.sh"
SUITE_SECONDS = 600


@pytest.mark.timeout(SUITE_SECONDS)
@pytest.mark.skipif(not SUITE.exists(), reason=f"the acceptance suite is not at {SUITE}: nothing to run")
def test_every_check_of_the_acceptance_suite_holds(
    controller: Controller, neutron: Path, openstack: Path, tmp_path: Path
) -> None:
    """Its `LIVE` mode: it also waits for exactly one active agent and a standby."""
    environments = tmp_path / "venvs"
    environments.mkdir()
    (environments / NEUTRON.command).symlink_to(neutron.parents[1])
    (environments / OPENSTACK.command).symlink_to(openstack.parents[1])
    settings = {"ACCEPTANCE_DIR": str(tmp_path), "LIVE": "1", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [str(SUITE), f"{controller.url}/identity"],
        env=controller.openrc() | settings,
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed, 0 skipped" in done.stdout
