"""The election's settings, from the profile and the `ha_vrrp_…` keys that override it."""

import msgspec
import structlog

from futago.config import BadConfig, ControllerConfig, Profile
from futago.values import Millis

_PASSWORD_OCTETS = 8
_SECOND = 1000
_log = structlog.get_logger(__name__)


class VrrpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every router's advertisements look like."""

    version: int
    advert_interval: Millis
    password: str


_PROFILES = {
    Profile.DEFAULT: VrrpSettings(version=3, advert_interval=Millis(300), password=""),
    Profile.SEED: VrrpSettings(version=2, advert_interval=Millis(2000), password="openstac"),  # noqa: S106 - the seed's
}


def vrrp_settings(config: ControllerConfig) -> VrrpSettings:
    """The settings in force.

    Raises:
        BadConfig: a combination that no VRRP version can carry.

    """
    profile = _PROFILES[config.profile]
    version = config.ha_vrrp_version or profile.version
    interval = config.ha_vrrp_advert_int_ms or profile.advert_interval
    if version not in {2, 3}:
        raise BadConfig(f"ha_vrrp_version is {version}; VRRP has versions 2 and 3")
    unit, limit = (_SECOND, 255 * _SECOND) if version == 2 else (10, 40950)
    if interval % unit or not unit <= interval <= limit:
        raise BadConfig(
            f"ha_vrrp_advert_int_ms is {interval}; VRRPv{version} has multiples of {unit} ms from {unit} to {limit}"
        )
    return VrrpSettings(version=version, advert_interval=interval, password=_password(config, profile, version))


def _password(config: ControllerConfig, profile: VrrpSettings, version: int) -> str:
    wanted = config.ha_vrrp_auth_password if config.ha_vrrp_auth_password is not None else profile.password
    if config.ha_vrrp_auth_type == "" or (version == 3 and config.ha_vrrp_auth_type is None):
        return ""
    if config.ha_vrrp_auth_type not in {None, "PASS"}:
        raise BadConfig(f'ha_vrrp_auth_type is "{config.ha_vrrp_auth_type}"; "PASS" and "" are known')
    if version == 3:
        raise BadConfig("ha_vrrp_auth_type PASS needs ha_vrrp_version 2: VRRPv3 has no authentication field")
    if len(wanted.encode()) > _PASSWORD_OCTETS:
        _log.warning("the VRRP password is longer than its field; its first 8 octets are used")
    return wanted.encode()[:_PASSWORD_OCTETS].decode(errors="ignore")
