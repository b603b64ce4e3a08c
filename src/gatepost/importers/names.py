"""The names of the systems whose users can be imported."""

from enum import StrEnum


class SystemName(StrEnum):
    """The values of `--from`."""

    AUTH0 = "auth0"
    BETTER_AUTH = "better-auth"
    DJANGO = "django"
    FASTAPI_USERS = "fastapi-users"
    FIREBASE = "firebase"
    FULL_STACK_TEMPLATE = "full-stack-template"
    KEYCLOAK = "keycloak"
    SUPABASE = "supabase"
