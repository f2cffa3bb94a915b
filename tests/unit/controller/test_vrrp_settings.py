"""The election's settings."""

import pytest
from msgspec.structs import replace

from futago.config import BadConfig, ControllerConfig, Profile
from futago.controller.vrrp_settings import vrrp_settings

DEFAULT = ControllerConfig()
SEED = ControllerConfig(profile=Profile.SEED)


def test_the_seed_speaks_version_2_every_two_seconds_with_the_first_8_letters_of_openstack() -> None:
    settings = vrrp_settings(SEED)
    assert (settings.version, settings.advert_interval, settings.password) == (2, 2000, "openstac")
    assert settings.auth_mode is None


def test_the_default_is_version_3_every_300_ms_authenticated() -> None:
    settings = vrrp_settings(DEFAULT)
    assert (settings.version, settings.advert_interval, settings.password) == (3, 300, "")
    assert settings.auth_mode == "enforce"


def test_authentication_is_brought_in_by_steps_and_can_be_left_out() -> None:
    assert vrrp_settings(replace(DEFAULT, ha_vrrp_auth_mode="permissive")).auth_mode == "permissive"
    assert vrrp_settings(replace(DEFAULT, ha_vrrp_auth_type="")).auth_mode is None
    assert vrrp_settings(replace(SEED, ha_vrrp_auth_type="HMAC")).auth_mode == "enforce"
    assert vrrp_settings(replace(SEED, ha_vrrp_auth_type="HMAC")).password == ""


def test_a_password_alone_asks_for_pass_where_the_version_has_it() -> None:
    settings = vrrp_settings(replace(DEFAULT, ha_vrrp_version=2, ha_vrrp_advert_int_ms=1000, ha_vrrp_auth_password="x"))
    assert (settings.password, settings.auth_mode) == ("x", None)
    assert vrrp_settings(replace(SEED, ha_vrrp_version=3)).password == ""


def test_keys_override_the_profile() -> None:
    settings = vrrp_settings(replace(SEED, ha_vrrp_advert_int_ms=1000, ha_vrrp_auth_password="geheim"))
    assert (settings.version, settings.advert_interval, settings.password) == (2, 1000, "geheim")
    assert vrrp_settings(replace(SEED, ha_vrrp_auth_type="")).password == ""


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"ha_vrrp_version": 4}, "versions 2 and 3"),
        ({"ha_vrrp_version": 2, "ha_vrrp_advert_int_ms": 300}, "multiples of 1000"),
        ({"ha_vrrp_advert_int_ms": 50_000}, "10 to 40950"),
        ({"ha_vrrp_auth_type": "PASS"}, "needs ha_vrrp_version 2"),
        ({"ha_vrrp_auth_type": "AH"}, '"HMAC", "PASS" and "" are known'),
    ],
)
def test_what_no_version_can_carry_is_refused_with_the_reason(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        vrrp_settings(replace(DEFAULT, **wrong))
