"""The peers: what each documents for production, in an environment of its own."""

from bench.subjects.subject import (
    PASSWORD,
    Caller,
    Refreshing,
    Site,
    Subject,
    bearer,
    peer_variables,
)
from bench.support.environments import (
    PEERS,
    installed_node_versions,
    installed_versions,
    node_environment,
    python_environment,
)
from bench.support.http import Answer, Request, post_form, post_json
from bench.support.processes import Command

_BY_PWDLIB = "Argon2id, 64 MiB, t=3, p=4 (pwdlib)"


class _PythonPeer(Subject):
    """A peer whose application and `prepare.py` stand in its folder here."""

    folder: str
    driver: str
    packages: tuple[str, ...]

    def install(self) -> None:
        python_environment(self.folder)

    def versions(self) -> str:
        return installed_versions(self.folder, self.packages)

    def preparation(self, site: Site) -> Command:
        return self._command(site, "python", "prepare.py")

    def server(self, site: Site) -> Command:
        return self._command(site, "uvicorn", "application:app", "--port", str(site.port))

    def _command(self, site: Site, program: str, *arguments: str) -> Command:
        variables = peer_variables(site) | {"DATABASE_URL": site.database.text(self.driver)}
        path = str(python_environment(self.folder) / program)
        return Command([path, *arguments], PEERS / self.folder, variables)


class FastapiUsers(_PythonPeer):
    name = "fastapi-users"
    setup = "its full example: SQLAlchemy with asyncpg, bearer transport, JWT; uvicorn"
    hashing = _BY_PWDLIB
    folder = "fastapi_users"
    driver = "asyncpg"
    packages = ("fastapi-users", "fastapi", "sqlalchemy", "asyncpg", "uvicorn")

    def log_in(self, email: str) -> Request:
        return post_form("/auth/jwt/login", username=email, password=PASSWORD)

    def caller(self, answer: Answer) -> Caller:
        return bearer(answer)

    def read_me(self, caller: Caller) -> Request:
        return Request("/users/me", headers=caller.headers)


class FullStackTemplate(_PythonPeer):
    name = "full-stack-fastapi-template's way"
    setup = "SQLModel with psycopg, `def` routes, PyJWT, pwdlib; uvicorn (`fastapi run`)"
    hashing = _BY_PWDLIB
    folder = "full_stack_template"
    driver = "psycopg"
    packages = ("fastapi", "sqlmodel", "psycopg", "pwdlib", "pyjwt", "uvicorn")

    def log_in(self, email: str) -> Request:
        return post_form("/api/v1/login/access-token", username=email, password=PASSWORD)

    def caller(self, answer: Answer) -> Caller:
        return bearer(answer)

    def read_me(self, caller: Caller) -> Request:
        return Request("/api/v1/users/me", headers=caller.headers)


class DjangoRest(_PythonPeer):
    name = "Django REST + simplejwt"
    setup = (
        "rotation and blacklist, persistent connections; gunicorn, three workers (2 x cores + 1)"
    )
    hashing = "PBKDF2-SHA256, Django's default"
    refreshing = Refreshing("/api/token/refresh/", "refresh")
    folder = "django_rest"
    driver = "psycopg"
    packages = (
        "django",
        "djangorestframework",
        "djangorestframework-simplejwt",
        "psycopg",
        "gunicorn",
    )

    def server(self, site: Site) -> Command:
        options = ["--bind", f"127.0.0.1:{site.port}", "--workers", "3"]
        return self._command(site, "gunicorn", "application", *options)

    def log_in(self, email: str) -> Request:
        return post_json("/api/token/", username=email, password=PASSWORD)

    def caller(self, answer: Answer) -> Caller:
        return bearer(answer, "access", "refresh")

    def read_me(self, caller: Caller) -> Request:
        return Request("/api/users/me/", headers=caller.headers)


class BetterAuth(Subject):
    name = "better-auth"
    setup = "email and password, pg's pool of 20; node:http, NODE_ENV=production"
    hashing = "scrypt, N=16384, r=16, p=1"

    def install(self) -> None:
        node_environment("better_auth")

    def versions(self) -> str:
        return installed_node_versions("better_auth", ("better-auth", "pg"))

    def preparation(self, site: Site) -> Command:
        return self._command(site, "prepare.mjs")

    def server(self, site: Site) -> Command:
        return self._command(site, "server.mjs")

    def log_in(self, email: str) -> Request:
        return post_json("/api/auth/sign-in/email", email=email, password=PASSWORD)

    def caller(self, answer: Answer) -> Caller:
        cookies = [
            text.split(";")[0] for name, text in answer.headers if name.lower() == "set-cookie"
        ]
        return Caller({"Cookie": "; ".join(cookies)})

    def read_me(self, caller: Caller) -> Request:
        return Request("/api/auth/get-session", headers=caller.headers)

    def _command(self, site: Site, script: str) -> Command:
        variables = peer_variables(site) | {"NODE_ENV": "production"}
        return Command(["node", script], node_environment("better_auth"), variables)
