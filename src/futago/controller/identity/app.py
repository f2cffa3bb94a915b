"""The embedded identity, wired: `/identity` and below."""

from starlette.routing import BaseRoute, Mount

from futago.config import ControllerConfig
from futago.controller.identity.auth import auth_routes, version_routes
from futago.controller.identity.projects import project_routes
from futago.controller.identity.roles import role_routes
from futago.controller.identity.service import Identity
from futago.controller.identity.services import service_routes
from futago.controller.identity.tokens import sealer
from futago.controller.identity.users import user_routes
from futago.controller.identity.web import no_such_path, route
from futago.controller.store.database import Database


def build_identity(database: Database, config: ControllerConfig) -> tuple[Identity, list[BaseRoute]]:
    """Identity over a database that is migrated, and its routes."""
    identity = Identity(database, sealer(config.state_path), config.token_lifetime_seconds)
    below = [
        *auth_routes(identity, config),
        *project_routes(identity),
        *user_routes(identity),
        *role_routes(identity),
        *service_routes(identity, config),
        route(identity, "/{path:path}", GET=no_such_path),
    ]
    return identity, [*version_routes(identity), Mount("/identity", routes=below)]
