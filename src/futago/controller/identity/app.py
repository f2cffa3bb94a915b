"""Identity, wired: the embedded one, `/identity` and below, or the client of a real Keystone."""

from starlette.routing import BaseRoute, Mount

from futago.config import ControllerConfig
from futago.controller.caller import Authenticator
from futago.controller.identity import crud
from futago.controller.identity.auth import auth_routes, version_routes
from futago.controller.identity.catalog import Catalog
from futago.controller.identity.credentials import credential_routes
from futago.controller.identity.domains import DOMAINS
from futago.controller.identity.grants import grant_routes
from futago.controller.identity.groups import group_routes
from futago.controller.identity.keystone import Keystone
from futago.controller.identity.project_tags import project_tag_routes
from futago.controller.identity.projects import project_routes
from futago.controller.identity.roles import role_routes
from futago.controller.identity.service import Identity, Rules
from futago.controller.identity.tokens import sealer
from futago.controller.identity.users import user_routes
from futago.controller.identity.web import no_such_path, route
from futago.controller.store.database import Database


def build_authenticator(database: Database, config: ControllerConfig) -> tuple[Authenticator, list[BaseRoute]]:
    """Who says whose a token is, and the routes that this needs: none of ours with a real Keystone."""
    if config.identity.url:
        return Keystone(config.identity), []
    return build_identity(database, config)


def build_identity(database: Database, config: ControllerConfig) -> tuple[Identity, list[BaseRoute]]:
    """Identity over a database that is migrated, and its routes."""
    rules = Rules(
        token_lifetime_seconds=config.token_lifetime_seconds,
        lockout_failure_attempts=config.lockout_failure_attempts,
        lockout_duration_seconds=config.lockout_duration_seconds,
    )
    identity = Identity(database, sealer(config.state_path), rules)
    catalog, none = Catalog(config), no_such_path
    below = [
        *auth_routes(identity, catalog),
        *project_routes(identity),
        *project_tag_routes(identity),
        *crud.routes(identity, DOMAINS),
        *user_routes(identity),
        *credential_routes(identity),
        *group_routes(identity),
        *role_routes(identity),
        *grant_routes(identity),
        *(each for kind in catalog.kinds for each in crud.routes(identity, kind)),
        route(identity, "/{path:path}", GET=none, POST=none, PUT=none, PATCH=none, DELETE=none),
    ]
    return identity, [*version_routes(identity), Mount("/identity", routes=below)]
