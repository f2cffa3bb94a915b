"""The election's settings, from the profile and the `ha_vrrp_…` keys that override it."""

import msgspec
import structlog

from futago.config import BadConfig, ControllerConfig, Profile
from futago.contract.specs import AuthMode
from futago.values import Millis

_PASSWORD_OCTETS = 8
_SECOND = 1000
_BFD_LEAST, _BFD_MOST = 20, 10_000
_log = structlog.get_logger(__name__)


class VrrpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every router's advertisements look like."""

    version: int
    advert_interval: Millis
    password: str = ""
    auth_mode: AuthMode | None = None
    """None: no authentication trailer."""
    bfd_interval: Millis | None = None
    """None: only the advertisements tell that a node is dead."""


class _Profile(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    advert_interval: Millis
    auth_type: str
    password: str = ""
    bfd_interval: Millis = Millis(0)


_PROFILES = {
    Profile.DEFAULT: _Profile(version=3, advert_interval=Millis(300), auth_type="HMAC", bfd_interval=Millis(100)),
    Profile.FAST: _Profile(version=3, advert_interval=Millis(300), auth_type="HMAC", bfd_interval=Millis(50)),
    Profile.SEED: _Profile(version=2, advert_interval=Millis(2000), auth_type="PASS", password="openstac"),  # noqa: S106 - the seed's
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
    settings = VrrpSettings(version=version, advert_interval=interval, bfd_interval=_bfd_interval(config, profile))
    match _auth_type(config, profile, version):
        case "PASS":
            return msgspec.structs.replace(settings, password=_password(config, profile))
        case "HMAC":
            return msgspec.structs.replace(settings, auth_mode=config.ha_vrrp_auth_mode)
        case _:
            return settings


def _bfd_interval(config: ControllerConfig, profile: _Profile) -> Millis | None:
    interval = profile.bfd_interval if config.ha_bfd_interval_ms is None else config.ha_bfd_interval_ms
    if interval and not _BFD_LEAST <= interval <= _BFD_MOST:
        raise BadConfig(f"ha_bfd_interval_ms is {interval}; expected {_BFD_LEAST} to {_BFD_MOST}, or 0 for none")
    return interval or None


def _auth_type(config: ControllerConfig, profile: _Profile, version: int) -> str:
    """As wanted; else a password that is given asks for PASS, and a profile's PASS gives way to VRRPv3."""
    wanted = config.ha_vrrp_auth_type
    if wanted is None and config.ha_vrrp_auth_password and version == 2:
        return "PASS"
    if wanted is None:
        return "" if profile.auth_type == "PASS" and version == 3 else profile.auth_type
    if wanted not in {"HMAC", "PASS", ""}:
        raise BadConfig(f'ha_vrrp_auth_type is "{wanted}"; "HMAC", "PASS" and "" are known')
    if wanted == "PASS" and version == 3:
        raise BadConfig("ha_vrrp_auth_type PASS needs ha_vrrp_version 2: VRRPv3 has no authentication field; try HMAC")
    return wanted


def _password(config: ControllerConfig, profile: _Profile) -> str:
    wanted = config.ha_vrrp_auth_password if config.ha_vrrp_auth_password is not None else profile.password
    if len(wanted.encode()) > _PASSWORD_OCTETS:
        _log.warning("the VRRP password is longer than its field; its first 8 octets are used")
    return wanted.encode()[:_PASSWORD_OCTETS].decode(errors="ignore")
