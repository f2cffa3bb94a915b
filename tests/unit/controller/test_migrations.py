"""What stores of earlier versions become."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from futago.controller.store import database
from futago.controller.store.rows import Network, Segment
from futago.values import NetworkType

_NETWORK = """
INSERT INTO networks (id, project_id, name, description, created_at, updated_at, revision_number, tags, admin_state_up,
    shared, external, is_default, network_type, mtu, port_security_enabled, dns_domain, availability_zone_hints)
VALUES (:id, 'p', '', '', '', '', 0, '[]', 1, :shared, :external, 0, 'vxlan', 1450, 1, '', '[]')
"""


def test_networks_that_everybody_may_use_get_policies_that_say_so(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with create_engine(f"sqlite:///{tmp_path}/futago.db").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        for name, shared, external in (("mine", False, False), ("all", True, False), ("out", False, True)):
            connection.execute(text(_NETWORK), {"id": name, "shared": shared, "external": external})
        command.upgrade(config, "head")
        found = connection.execute(text("SELECT object_id, project_id, action, target_project FROM rbac_policies"))
        assert sorted(map(tuple, found)) == [
            ("all", "p", "access_as_shared", "*"),
            ("out", "p", "access_as_external", "*"),
        ]
        assert connection.execute(text("SELECT count(*) FROM default_rules")).scalar_one() == 4


def test_every_segment_that_a_network_has_gets_an_id(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with create_engine(f"sqlite:///{tmp_path}/futago.db").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        connection.execute(text(_NETWORK), {"id": "n", "shared": False, "external": False})
        columns = "network_type, physical_network, segmentation_id, network_id"
        connection.execute(text(f"INSERT INTO segments ({columns}) VALUES ('vxlan', '', 7, 'n')"))
        connection.commit()
        command.upgrade(config, "head")
    store = database.Database(f"sqlite:///{tmp_path}/futago.db")
    with store.read() as view:
        (segment,) = view.find(Segment)
        assert (segment.network_id, segment.network_type, segment.segmentation_id) == ("n", NetworkType.VXLAN, 7)
        assert (segment.project_id, segment.position, len(segment.id)) == ("p", 0, 36)
        assert view.get(Network, id="n") is not None
    store.close()
