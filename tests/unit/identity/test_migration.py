"""A store of before has the same users in the same projects afterwards, with what their roles imply."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

import futago.controller.store
from futago.controller.identity.directory import roles_in
from futago.controller.store.database import Database
from futago.controller.store.identity_rows import Project, User

_OLD = (
    "INSERT INTO domains (id, name, description, enabled) VALUES ('default', 'Default', '', 1)",
    "INSERT INTO projects (id, domain_id, name, description, enabled) VALUES ('p', 'default', 'blue', '', 1)",
    """INSERT INTO users (id, domain_id, name, password_hash, enabled, email, description)
    VALUES ('u', 'default', 'ann', '', 1, '', '')""",
    "INSERT INTO roles (id, name) VALUES ('r1', 'member'), ('r2', 'reader'), ('r3', 'admin')",
    "INSERT INTO assignments (user_id, project_id, role_id) VALUES ('u', 'p', 'r1')",
)


def test_assignments_outlive_the_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'futago.db'}"
    config = Config()
    config.set_main_option("script_location", str(Path(futago.controller.store.__path__[0]) / "migrations"))
    engine = create_engine(url)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        for statement in _OLD:
            connection.execute(text(statement))
        connection.commit()
    engine.dispose()
    database = Database(url)
    database.migrate()
    with database.read() as view:
        assert [role.name for role in roles_in(view, "u", "project", "p")] == ["member", "reader"]
        assert view.get(User, name="ann") == User(id="u", domain_id="default", name="ann")
        assert view.get(Project, name="blue") == Project(id="p", domain_id="default", name="blue")
    database.close()
