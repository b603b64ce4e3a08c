"""Every rule that a setting obeys, through explicit values."""

import secrets
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from gatepost.configuration import Settings
from gatepost.settings import PasswordSettings, SettingsError
from gatepost.web.middleware.rate_limit import EXEMPT

# Not random: tests are named by their values, and every process has to find the same ones.
SECRET = "qYw3ZtN7c0vRk5HbLx9sGdFm2PjUe8TaVi4QoXy6BnM"
OTHER_SECRET = "Jm8uWz1KfCr6XhTe3NpSv5YbQ0gLdA7iRo9EkPx4DyU"


def settings(**values: object) -> Settings:
    return Settings(**{"secret_key": SECRET, **values})


def mistakes(**values: object) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        settings(**values)
    return {
        problem.name: f"{problem.message}. {problem.advice}" for problem in caught.value.problems
    }


def test_a_secret_is_all_that_is_needed() -> None:
    made = settings()
    assert made.service.project_name == "Gatepost"
    assert made.tokens.issuer == made.service.public_url == "http://127.0.0.1:8000"
    assert made.transports.auth_transports == {"bearer", "cookie"}
    assert made.transports.allowed_origins == ()
    assert made.registration.first_superuser_email is None


def test_settings_do_not_change() -> None:
    made = settings()
    with pytest.raises(ValidationError, match="frozen"):
        made.service.debug = True  # type: ignore[misc] # that it is refused is the test
    with pytest.raises(AttributeError, match="immutable"):
        made.service = made.service


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("PROJECT_NAME", {"project_name": ""}),
    ("ROOT_PATH", {"root_path": "accounts"}),
    ("ROOT_PATH", {"root_path": "/a b"}),
    ("ROOT_PATH", {"root_path": "/a//b"}),
    ("ROOT_PATH", {"root_path": "/.."}),
    ("ROOT_PATH", {"root_path": "https://example.com/accounts"}),
    ("API_V1_STR", {"api_v1_str": ""}),
    ("API_V1_STR", {"api_v1_str": "/"}),
    ("API_V1_STR", {"api_v1_str": "api/v1"}),
    ("API_V1_STR", {"api_v1_str": "/api/v1/"}),
    ("API_V1_STR", {"api_v1_str": "/{x}"}),
    ("API_V1_STR", {"api_v1_str": "/api/.."}),
    ("API_V1_STR", {"api_v1_str": "/./api"}),
    *(("API_V1_STR", {"api_v1_str": f"/{name}/v1"}) for name in sorted(EXEMPT)),
    ("PUBLIC_URL", {"public_url": "auth.example.com"}),
    ("PUBLIC_URL", {"public_url": "ftp://auth.example.com"}),
    ("PUBLIC_URL", {"public_url": "https://auth.example.com/path"}),
    ("PUBLIC_URL", {"public_url": "https://auth.example.com?x=1"}),
    ("PUBLIC_URL", {"public_url": "https://user@auth.example.com"}),
    ("LOG_LEVEL", {"log_level": "LOUD"}),
    ("DEBUG", {"debug": "perhaps"}),
    ("DATABASE_POOL_SIZE", {"database_pool_size": 0}),
    ("DATABASE_POOL_SIZE", {"database_pool_size": 101}),
    ("REDIS_URL", {"redis_url": "localhost:6379"}),
    ("REDIS_URL", {"redis_url": "http://localhost:6379"}),
    ("REDIS_URL", {"redis_url": "redis://"}),
    ("REDIS_URL", {"redis_url": "redis://localhost:port"}),
    ("REDIS_URL", {"redis_url": "unix://"}),
    ("REDIS_URL", {"redis_url": "redis://cache/first"}),
    ("REDIS_URL", {"redis_url": "redis://cache/1/2"}),
    ("REDIS_URL", {"redis_url": "redis://cache?db=first"}),
    ("REDIS_URL", {"redis_url": "redis://cache?socket_timeout=long"}),
    ("REDIS_URL", {"redis_url": "redis://cache?protocol=3"}),
    ("REDIS_URL", {"redis_url": "redis://cache?decode_responses=true"}),
    ("REDIS_URL", {"redis_url": "redis://cache?ssl_ca_certs=ca.pem"}),
    ("REDIS_URL", {"redis_url": "redis+sentinel://cache-1,cache-2"}),
    ("REDIS_URL", {"redis_url": "redis+sentinel:///ours"}),
    ("REDIS_URL", {"redis_url": "redis+sentinel://cache:port/ours"}),
    ("REDIS_URL", {"redis_url": "redis+sentinel://cache/ours/first"}),
    ("REDIS_URL", {"redis_url": "redis+sentinel://cache/ours?sentinel=x"}),
    ("REDIS_URL", {"redis_url": "http+sentinel://cache/ours"}),
    ("SECRET_KEY", {"secret_key": "short"}),
    ("SECRET_KEY", {"secret_key": SECRET[:31]}),
    ("SECRET_KEY", {"secret_key": "your_secret_key_min_32_chars_change_me"}),
    ("SECRET_KEY", {"secret_key": "Your-Generated-Secret-Key-Here-1234567"}),
    ("SECRET_KEY", {"secret_key": "abcdefg" * 6}),
    ("SECRET_KEY", {"algorithm": "HS384"}),
    ("SECRET_KEY", {"algorithm": "HS512", "secret_key": "0123456789abcdef" * 3}),
    ("JWT_REFRESH_SECRET_KEY", {"jwt_refresh_secret_key": SECRET}),
    ("JWT_REFRESH_SECRET_KEY", {"jwt_refresh_secret_key": "short"}),
    ("ALGORITHM", {"algorithm": "none"}),
    ("ALGORITHM", {"algorithm": "hs256"}),
    ("ACCESS_TOKEN_EXPIRE_MINUTES", {"access_token_expire_minutes": 0}),
    ("ACCESS_TOKEN_EXPIRE_MINUTES", {"access_token_expire_minutes": 61}),
    ("ACCESS_TOKEN_EXPIRE_MINUTES", {"access_token_expire_minutes": "soon"}),
    ("REFRESH_TOKEN_EXPIRE_DAYS", {"refresh_token_expire_days": 0}),
    ("REFRESH_TOKEN_EXPIRE_DAYS", {"refresh_token_expire_days": 31}),
    ("REFRESH_REUSE_GRACE_SECONDS", {"refresh_reuse_grace_seconds": 61}),
    ("SESSION_IDLE_MINUTES", {"session_idle_minutes": 15}),
    ("SESSION_IDLE_MINUTES", {"session_idle_minutes": 40, "access_token_expire_minutes": 40}),
    ("SESSION_ABSOLUTE_DAYS", {"session_absolute_days": 366}),
    ("SESSION_CACHE_SECONDS", {"session_cache_seconds": 61}),
    ("AUTH_TRANSPORTS", {"auth_transports": ","}),
    ("AUTH_TRANSPORTS", {"auth_transports": "bearer,pigeon"}),
    ("COOKIE_SAMESITE", {"cookie_samesite": "sometimes"}),
    ("COOKIE_SAMESITE", {"cookie_samesite": "none", "cookie_secure": False}),
    ("COOKIE_DOMAIN", {"cookie_domain": "https://example.com"}),
    ("COOKIE_DOMAIN", {"cookie_domain": "example.com; Secure"}),
    ("COOKIE_DOMAIN", {"cookie_domain": "com"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "*"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "null"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "https://*.example.com"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "https://app.example.com/"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "https://app.example.com/path"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "app.example.com"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "https://user@app.example.com"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "https://app.example.com:port"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "https://bücher.example"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": '["https://app.example.com"'}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "[1]"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": 5}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "capacitor://*"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "capacitor://localhost/"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "capacitor:localhost"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "capacitor://localhost,null"}),
    *(
        ("ALLOWED_ORIGINS", {"allowed_origins": f"{scheme}://localhost"})
        for scheme in ("file", "data", "javascript", "blob", "about", "ws", "FILE")
    ),
    ("CORS_ALLOWED_HEADERS", {"cors_allowed_headers": "*"}),
    ("CORS_ALLOWED_HEADERS", {"cors_allowed_headers": "X-One, X Two"}),
    ("CORS_ALLOWED_HEADERS", {"cors_allowed_headers": "X-One: 1"}),
    ("CORS_ALLOWED_HEADERS", {"cors_allowed_headers": 5}),
    ("KEEP_ALIVE_SECONDS", {"keep_alive_seconds": 0}),
    ("KEEP_ALIVE_SECONDS", {"keep_alive_seconds": 7201}),
    ("PASSWORD_HASHER", {"password_hasher": "md5"}),
    ("PASSWORD_MIN_LENGTH", {"password_min_length": 7}),
    ("PASSWORD_MIN_LENGTH", {"password_min_length": 65}),
    ("PASSWORD_MAX_LENGTH", {"password_max_length": 63}),
    ("PASSWORD_MAX_LENGTH", {"password_max_length": 64, "password_min_length": 64}),
    ("PASSWORD_REQUIRE", {"password_require": "upper,emoji"}),
    ("ARGON2_MEMORY_KIB", {"argon2_memory_kib": 19455}),
    ("ARGON2_MEMORY_KIB", {"argon2_time_cost": 1}),
    ("ARGON2_MEMORY_KIB", {"argon2_memory_kib": 7167, "argon2_time_cost": 9}),
    ("ARGON2_MEMORY_KIB", {"argon2_memory_kib": 8, "argon2_parallelism": 2, "debug": True}),
    ("BCRYPT_COST", {"bcrypt_cost": 9}),
    ("BCRYPT_COST", {"bcrypt_cost": 17}),
    ("BCRYPT_COST", {"bcrypt_cost": 3, "debug": True}),
    ("HASH_THREADS", {"hash_threads": -1}),
    ("FIRST_SUPERUSER_EMAIL", {"first_superuser_email": "root@example.com"}),
    (
        "FIRST_SUPERUSER_EMAIL",
        {"first_superuser_email": "nobody", "first_superuser_password": "long-enough-one"},
    ),
    ("FIRST_SUPERUSER_PASSWORD", {"first_superuser_password": "seven77"}),
    (
        "FIRST_SUPERUSER_PASSWORD",
        {"first_superuser_password": "eleven chrs", "password_min_length": 12},
    ),
    ("MAX_REQUEST_BODY_SIZE", {"max_request_body_size": 1023}),
    ("MAX_REQUEST_BODY_SIZE", {"max_request_body_size": 1_048_577}),
    ("TRUSTED_PROXIES", {"trusted_proxies": "*"}),
    ("TRUSTED_PROXIES", {"trusted_proxies": "10.0.0.1/8"}),
    ("TRUSTED_PROXIES", {"trusted_proxies": "0.0.0.0/0"}),
    ("TRUSTED_PROXIES", {"trusted_proxies": "::/0"}),
    ("TRUSTED_PROXIES", {"trusted_proxies": 5}),
    ("TRUSTED_PROXIES", {"trusted_proxies": "unix:/run/gatepost.sock"}),
]


@pytest.mark.parametrize(("name", "values"), REFUSED)
def test_a_wrong_value_is_refused_by_name_with_advice(name: str, values: dict[str, Any]) -> None:
    said = mistakes(**values)
    assert list(said) == [name]
    assert said[name].endswith(".")


ACCEPTED: list[tuple[str, Any, Any]] = [
    ("allowed_origins", "Capacitor://localhost", ("capacitor://localhost",)),
    ("allowed_origins", "app://MyApp:3000", ("app://MyApp:3000",)),
    ("cors_allowed_headers", "X-One,x-two,X-ONE", ("x-one", "x-two")),
    ("root_path", "/team/accounts", "/team/accounts"),
    ("root_path", "/accounts/", "/accounts"),
    ("root_path", "/", ""),
    ("api_v1_str", "/v2", "/v2"),
    ("api_v1_str", "/healthy/.v2", "/healthy/.v2"),
    ("public_url", "HTTPS://Auth.Example.com:8443", "https://auth.example.com:8443"),
    ("public_url", "http://[::1]:8000", "http://[::1]:8000"),
    ("log_level", "debug", "DEBUG"),
    ("redis_url", "rediss://:pw@cache:6380/1", "rediss://:pw@cache:6380/1"),
    ("redis_url", "unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
    ("redis_url", "valkey://cache", "valkey://cache"),
    ("redis_url", "redis://cache/?socket_timeout=0.5", "redis://cache/?socket_timeout=0.5"),
    (
        "redis_url",
        "rediss://cache/0?ssl_cert_reqs=required&ssl_ca_certs=/ca.pem",
        "rediss://cache/0?ssl_cert_reqs=required&ssl_ca_certs=/ca.pem",
    ),
    ("redis_url", "rediss+sentinel://a,b:1/ours", "rediss+sentinel://a,b:1/ours"),
    ("jwt_refresh_secret_key", OTHER_SECRET, OTHER_SECRET),
    ("auth_transports", "cookie", {"cookie"}),
    ("auth_transports", ["bearer"], {"bearer"}),
    ("cookie_samesite", "Strict", "strict"),
    ("cookie_samesite", "none", "none"),
    ("cookie_domain", ".Example.com", "example.com"),
    (
        "allowed_origins",
        "https://A.example.com, http://localhost:3000",
        ("https://a.example.com", "http://localhost:3000"),
    ),
    (
        "allowed_origins",
        '["http://localhost:3000","http://localhost:8000"]',
        ("http://localhost:3000", "http://localhost:8000"),
    ),
    (
        "allowed_origins",
        ["https://a.example.com:443", "https://a.example.com"],
        ("https://a.example.com",),
    ),
    ("allowed_origins", "https://xn--bcher-kva.example", ("https://xn--bcher-kva.example",)),
    ("password_require", "upper,lower,digit,special", {"upper", "lower", "digit", "special"}),
    ("session_idle_minutes", 16, 16),
    ("max_request_body_size", 1024, 1024),
    (
        "trusted_proxies",
        "10.0.0.0/8, 192.0.2.7, fd00::/8",
        (ip_network("10.0.0.0/8"), ip_network("192.0.2.7"), ip_network("fd00::/8")),
    ),
]


@pytest.mark.parametrize(("name", "given", "kept"), ACCEPTED)
def test_a_right_value_is_kept_in_one_form(name: str, given: object, kept: object) -> None:
    groups = settings(**{name: given}).every_group()
    assert next(getattr(group, name) for group in groups if hasattr(group, name)) == kept


@pytest.mark.parametrize(
    ("algorithm", "characters"), [("HS256", 32), ("HS384", 48), ("HS512", 64), ("EdDSA", 32)]
)
def test_a_secret_is_as_long_as_its_algorithm_asks(algorithm: str, characters: int) -> None:
    secret = secrets.token_urlsafe(64)[:characters]
    assert settings(algorithm=algorithm, secret_key=secret).tokens.secret_key == secret


@pytest.mark.parametrize(
    ("passes", "memory"), [(1, 47104), (2, 19456), (3, 12288), (4, 9216), (5, 7168), (6, 7168)]
)
def test_owasps_argon2_costs_are_enough(passes: int, memory: int) -> None:
    made = settings(argon2_time_cost=passes, argon2_memory_kib=memory)
    assert made.passwords.argon2_memory_kib == memory


def test_debug_allows_cheap_hashing() -> None:
    made = settings(debug=True, argon2_memory_kib=8, argon2_time_cost=1, bcrypt_cost=4)
    assert (made.passwords.argon2_memory_kib, made.passwords.bcrypt_cost) == (8, 4)


def test_the_first_admin_has_an_address_once_there_is_a_password() -> None:
    made = settings(first_superuser_password="a-first-admin-secret")
    assert made.registration.first_superuser_email == "admin@example.com"


def test_the_first_admin_may_be_at_a_bare_host_where_such_addresses_are_taken() -> None:
    first = {"first_superuser_password": "a-first-admin-secret"}
    made = settings(first_superuser_email="root@LOCALHOST", email_special_domains=True, **first)
    assert made.registration.first_superuser_email == "root@localhost"
    with pytest.raises(SettingsError, match="FIRST_SUPERUSER_EMAIL"):
        settings(first_superuser_email="root@localhost", **first)


def test_an_issuer_may_differ_from_the_public_url() -> None:
    assert settings(issuer="https://id.example.com").tokens.issuer == "https://id.example.com"


def test_a_session_idles_as_long_as_a_refresh_token_lives() -> None:
    assert settings(refresh_token_expire_days=3).sessions.session_idle_lifetime == timedelta(days=3)


def test_lifetimes_are_in_the_units_of_their_names() -> None:
    made = settings(
        access_token_expire_minutes=5,
        refresh_token_expire_days=2,
        refresh_reuse_grace_seconds=3,
        session_idle_minutes=60,
        session_absolute_days=10,
    )
    assert made.tokens.access_token_lifetime == timedelta(minutes=5)
    assert made.tokens.refresh_token_lifetime == timedelta(days=2)
    assert made.tokens.refresh_reuse_grace == timedelta(seconds=3)
    assert made.sessions.session_idle_lifetime == timedelta(hours=1)
    assert made.sessions.session_absolute_lifetime == timedelta(days=10)


def test_every_mistake_is_told_at_once() -> None:
    said = mistakes(
        secret_key="short",
        algorithm="none",
        public_url="nowhere",
        refresh_token_expire_days=99,
        allowed_origins="*",
        database_url="oracle://x",
    )
    assert set(said) == {
        "SECRET_KEY",
        "ALGORITHM",
        "PUBLIC_URL",
        "REFRESH_TOKEN_EXPIRE_DAYS",
        "ALLOWED_ORIGINS",
        "DATABASE_URL",
    }


def test_the_text_of_the_mistakes_counts_and_lists_them() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(algorithm="none")
    assert str(caught.value) == (
        "2 settings are wrong:\n"
        "  - ALGORITHM is not one of the values it takes. Give it HS256, HS384, HS512, RS256, "
        "PS256, ES256, EdDSA, or leave it out.\n"
        "  - SECRET_KEY is required and not set. Give it 32 random characters or more (48 for "
        "HS384, 64 for HS512): `gatepost generate-secret` prints one."
    )


def test_a_misspelt_argument_is_refused_with_the_right_name() -> None:
    assert "Did you mean secret_key?" in mistakes(secretkey="x")["secretkey"]
    assert "docs/settings.md" in mistakes(zzz=1)["zzz"]


def test_explicit_settings_never_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROJECT_NAME", "From outside")
    assert settings().service.project_name == "Gatepost"


def test_a_group_stands_alone() -> None:
    assert PasswordSettings(password_min_length=12).password_min_length == 12
    with pytest.raises(SettingsError, match="BCRYPT_COST"):
        PasswordSettings(bcrypt_cost=4)
