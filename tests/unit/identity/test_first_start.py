"""The first start makes what is missing, whatever a former one has left."""

from pathlib import Path

import pytest

from database_kit import sqlite
from futago.config import ControllerConfig
from futago.controller.identity import first_start
from futago.controller.store.database import Database
from futago.controller.store.identity_rows import Assignment, Project, RoleRow, User


@pytest.fixture
def config(tmp_path: Path) -> ControllerConfig:
    return ControllerConfig(state_path=tmp_path, listen_address="127.0.0.1", listen_port=9696)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return sqlite(tmp_path / "store.sqlite")


def test_it_makes_projects_users_roles_and_files_for_the_owner_only(
    database: Database, config: ControllerConfig
) -> None:
    made = first_start.prepare(database, config)
    assert made is not None
    with database.read() as view:
        assert {project.name for project in view.find(Project)} == {"admin", "service", "demo"}
        assert {user.name for user in view.find(User)} == {"admin", "demo"}
        assert {role.name for role in view.find(RoleRow)} == {"admin", "manager", "member", "reader", "service"}
        assert view.count(Assignment) == 3
    files = [made.clouds_file, made.openrc_file, made.password_file, made.join_token_file]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_later_start_changes_nothing_that_was_made(database: Database, config: ControllerConfig) -> None:
    first_start.prepare(database, config)
    before = _secrets(config.state_path)
    assert first_start.prepare(database, config) is None
    assert _secrets(config.state_path) == before


def test_a_start_that_died_before_the_database_was_filled_is_finished_with_the_same_password(
    database: Database, config: ControllerConfig
) -> None:
    (config.state_path / "admin-password").write_text("already here\n")
    first_start.prepare(database, config)
    assert (config.state_path / "admin-password").read_text() == "already here\n"
    assert '"already here"' in (config.state_path / "clouds.yaml").read_text()


def test_the_environment_can_preset_the_password(
    database: Database, config: ControllerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUTAGO_ADMIN_PASSWORD", 'a "quoted" secret')
    first_start.prepare(database, config)
    assert (config.state_path / "admin-password").read_text() == 'a "quoted" secret\n'
    assert 'password: "a \\"quoted\\" secret"' in (config.state_path / "clouds.yaml").read_text()


def test_client_files_follow_the_address_but_never_come_back_once_taken_away(
    database: Database, config: ControllerConfig
) -> None:
    first_start.prepare(database, config)
    moved = ControllerConfig(state_path=config.state_path, public_url="https://cloud.example.org:443/")
    first_start.prepare(database, moved)
    assert "auth_url: https://cloud.example.org:443/identity\n" in (config.state_path / "clouds.yaml").read_text()
    for name in ("admin-password", "clouds.yaml"):
        (config.state_path / name).unlink()
    first_start.prepare(database, moved)
    assert not (config.state_path / "clouds.yaml").exists()


@pytest.mark.parametrize(
    ("address", "url"),
    [("0.0.0.0", "http://127.0.0.1:9696"), ("::", "http://[::1]:9696"), ("192.0.2.1", "http://192.0.2.1:9696")],
)
def test_without_a_public_url_client_files_name_an_address_that_works_here(address: str, url: str) -> None:
    assert first_start.local_url(ControllerConfig(listen_address=address)) == url


def _secrets(state: Path) -> dict[str, str]:
    names = ("admin-password", "demo-password", "clouds.yaml", "admin-openrc", "join-token")
    return {name: (state / name).read_text() for name in names}
