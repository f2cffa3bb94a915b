from pathlib import Path

from futago.node.host import LocalVlans
from futago.node.state import StateDirectory
from futago.values import Vlan
from host.node_specs import gateway_node
from unit.node.kit import specs_of

KNOWN = LocalVlans(vlans={"blue": Vlan(7)}, freed=((Vlan(8), 1.5),))


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    before, specs = StateDirectory(tmp_path / "node"), specs_of(gateway_node(ha=True), revision=9)
    before.save_specs(specs)
    before.save_vlans(KNOWN)
    before.save_credential("secret")
    after = StateDirectory(tmp_path / "node")
    assert after.specs() == specs
    assert after.vlans() == KNOWN
    assert after.credential() == "secret"


def test_a_new_node_knows_nothing(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    assert state.specs() is None
    assert state.vlans() is None
    assert not state.credential()


def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "specs.json").write_text('{"revision": 1, "specs": {"router')
    assert StateDirectory(tmp_path).specs() is None


def test_nobody_else_reads_the_credential(tmp_path: Path) -> None:
    StateDirectory(tmp_path).save_credential("secret")
    assert (tmp_path / "credential").stat().st_mode & 0o777 == 0o600


def test_a_write_that_is_cut_short_leaves_the_old_file(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.save_vlans(KNOWN)
    (tmp_path / ".vlans.json.new").write_text('{"vl')
    assert state.vlans() == KNOWN


def test_vlans_of_a_version_that_knew_of_no_rest_are_kept(tmp_path: Path) -> None:
    (tmp_path / "vlans.json").write_text('{"vlans": {"blue": 7}}')
    assert StateDirectory(tmp_path).vlans() == LocalVlans(vlans={"blue": Vlan(7)})
