"""Settings from the environment and from `.env`."""

import sys
from pathlib import Path

import pytest

from gatepost.configuration import Settings
from gatepost.settings import SettingsError

# Not random: tests are named by their values, and every process has to find the same ones.
SECRET = "qYw3ZtN7c0vRk5HbLx9sGdFm2PjUe8TaVi4QoXy6BnM"
OTHER_SECRET = "Jm8uWz1KfCr6XhTe3NpSv5YbQ0gLdA7iRo9EkPx4DyU"


def read(environ: dict[str, str], env_file: Path | None = None) -> Settings:
    return Settings.from_environment({"SECRET_KEY": SECRET, **environ}, env_file)


def mistakes(environ: dict[str, str], env_file: Path | str | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environ, env_file)
    return str(caught.value)


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_the_process_environment_is_read_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("PROJECT_NAME", "From the process")
    (tmp_path / ".env").write_text("AUDIENCE=from-the-file\n")
    settings = Settings.from_environment()
    assert (settings.service.project_name, settings.tokens.audience) == (
        "From the process",
        "from-the-file",
    )


@pytest.mark.parametrize("told", [["--workers", "3"], ["--workers=3"], ["-w", "3"], ["-w3"]])
def test_a_host_knows_how_many_workers_its_server_was_told_to_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/uvicorn", "host:app", *told])
    settings = Settings.from_environment()
    assert (settings.stores.workers, settings.stores.chosen_store) == (3, "database")


def test_a_web_concurrency_of_one_does_not_say_that_the_process_is_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Platforms set it, and a server's own configuration wins over it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/gunicorn", "host:app"])
    for said, workers in [("1", None), ("2", 2)]:
        monkeypatch.setenv("WEB_CONCURRENCY", said)
        settings = Settings.from_environment()
        assert (settings.stores.workers if "workers" in settings.given else None) == workers


@pytest.mark.parametrize("prefix", ["", "a b", "ä", "x" * 65, "a\n", "*"])
def test_a_prefix_for_redis_is_plain(prefix: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings(secret_key=SECRET, redis_prefix=prefix)
    assert [problem.name for problem in refused.value.problems] == ["REDIS_PREFIX"]


def test_texts_become_values() -> None:
    settings = read(
        {
            "DEBUG": "True",
            "COOKIE_SECURE": "0",
            "ACCESS_TOKEN_EXPIRE_MINUTES": "30",
            "PASSWORD_REQUIRE": "upper, digit",
            "BACKEND_CORS_ORIGINS": '["http://localhost:3000","http://localhost:8000"]',
        }
    )
    assert settings.service.debug is True
    assert settings.transports.cookie_secure is False
    assert settings.tokens.access_token_expire_minutes == 30
    assert settings.passwords.password_require == {"upper", "digit"}
    assert settings.transports.allowed_origins == ("http://localhost:3000", "http://localhost:8000")


def test_unrelated_variables_are_left_alone() -> None:
    assert read({"PATH": "/bin", "POSTGRES_PASSWORD": "x", "GATEPOST": "y"}) == read({})


def test_an_empty_value_is_none() -> None:
    assert read({"REDIS_URL": "", "PROJECT_NAME": "", "ACCESS_TOKEN_EXPIRE_MINUTES": ""}) == read(
        {}
    )


def test_names_are_read_in_any_case_and_capitals_win() -> None:
    assert read({"project_name": "small"}).service.project_name == "small"
    assert read({"project_name": "small", "PROJECT_NAME": "LARGE"}).service.project_name == "LARGE"


@pytest.mark.parametrize(
    ("name", "attribute", "value"),
    [
        ("JWT_SECRET_KEY", "secret_key", SECRET),
        ("APP_NAME", "project_name", "My app"),
        ("BACKEND_CORS_ORIGINS", "allowed_origins", "https://app.example.com"),
    ],
)
def test_a_second_name_is_as_good(name: str, attribute: str, value: str) -> None:
    second = Settings.from_environment({"JWT_SECRET_KEY": SECRET, name: value}, None)
    first = Settings.from_environment({"SECRET_KEY": SECRET, attribute.upper(): value}, None)
    assert second == first


def test_a_mistake_is_told_under_the_name_that_was_used() -> None:
    said = mistakes({"JWT_SECRET_KEY": "short", "BACKEND_CORS_ORIGINS": "*"})
    assert "- JWT_SECRET_KEY is shorter" in said
    assert "- BACKEND_CORS_ORIGINS allows any origin" in said


def test_both_names_with_one_value_are_fine() -> None:
    assert read({"JWT_SECRET_KEY": SECRET}).tokens.secret_key == SECRET


def test_both_names_with_different_values_are_a_mistake_that_names_both() -> None:
    said = mistakes({"SECRET_KEY": SECRET, "JWT_SECRET_KEY": OTHER_SECRET, "ALGORITHM": "none"})
    assert "SECRET_KEY and JWT_SECRET_KEY are names of one setting" in said
    assert "ALGORITHM" in said
    assert SECRET not in said


def test_the_file_is_read(env_file: Path) -> None:
    env_file.write_text(
        "# a comment\n"
        f"SECRET_KEY={SECRET}\n"
        'PROJECT_NAME="My auth"  # in quotes\n'
        'BACKEND_CORS_ORIGINS=["http://localhost:3000","http://localhost:8000"]\n'
        "export AUDIENCE=${HOME}\n"
        "UNRELATED=1\n"
        "REDIS_URL=\n"
    )
    settings = Settings.from_environment({}, env_file)
    assert settings.tokens.secret_key == SECRET
    assert settings.service.project_name == "My auth"
    assert settings.transports.allowed_origins == ("http://localhost:3000", "http://localhost:8000")
    assert settings.tokens.audience == "${HOME}"
    assert settings.stores.redis_url is None


def test_the_environment_wins_over_the_file(env_file: Path) -> None:
    env_file.write_text("PROJECT_NAME=file\nAUDIENCE=file\n")
    settings = read({"PROJECT_NAME": "process"}, env_file)
    assert (settings.service.project_name, settings.tokens.audience) == ("process", "file")


def test_the_environment_wins_over_the_file_under_another_name(env_file: Path) -> None:
    env_file.write_text(f"SECRET_KEY={OTHER_SECRET}\nPROJECT_NAME=file\n")
    settings = Settings.from_environment(
        {"JWT_SECRET_KEY": SECRET, "APP_NAME": "process"}, env_file
    )
    assert (settings.tokens.secret_key, settings.service.project_name) == (SECRET, "process")


def test_a_disagreement_in_the_file_is_told_unless_the_environment_decides(env_file: Path) -> None:
    env_file.write_text(f"SECRET_KEY={SECRET}\nJWT_SECRET_KEY={OTHER_SECRET}\n")
    assert f"differ in {env_file}" in mistakes({}, env_file)
    assert read({}, env_file).tokens.secret_key == SECRET


def test_a_database_of_the_environment_wins_over_one_in_the_file(env_file: Path) -> None:
    env_file.write_text("DB_HOST=file\nDB_NAME=file\nDB_USER=file\nDB_PASSWORD=file\n")
    settings = read({"DATABASE_URL": "postgresql://process/db"}, env_file)
    assert settings.database.sqlalchemy_url.host == "process"
    env_file.write_text("DATABASE_URL=postgresql://file/db\n")
    settings = read({"DB_HOST": "process", "DB_NAME": "db", "DB_USER": "user"}, env_file)
    assert settings.database.sqlalchemy_url.host == "process"


def test_a_password_of_the_environment_completes_the_file(env_file: Path) -> None:
    env_file.write_text("DB_HOST=db\nDB_NAME=auth\nDB_USER=user\n")
    assert read({"DB_PASSWORD": "secret"}, env_file).database.sqlalchemy_url.password == "secret"


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read({}, tmp_path / "none") == read({})


def test_a_file_that_cannot_be_read_is_a_mistake(env_file: Path) -> None:
    env_file.write_bytes(b"SECRET_KEY=\xff\xfe")
    assert f"{env_file} cannot be read" in mistakes({}, env_file)


ONE = "Tf5bGy2NwLq8VsRc6JzHe0XkPd3UmAo7QiBt1YxE9Kv"


@pytest.mark.parametrize(
    "environ",
    [
        {"SECRET_KEY": "short"},
        {"SECRET_KEY": ONE, "JWT_REFRESH_SECRET_KEY": ONE},
        {"SECRET_KEY": "your_secret_key_min_32_chars_change_me"},
        {"SECRET_KEY": ONE, "ACCESS_TOKEN_EXPIRE_MINUTES": "0"},
        {"SECRET_KEY": ONE, "ACCESS_TOKEN_EXPIRE_MINUTES": "61"},
        {"SECRET_KEY": ONE, "REFRESH_TOKEN_EXPIRE_DAYS": "31"},
        {"SECRET_KEY": ONE, "MAX_REQUEST_BODY_SIZE": "2000000"},
        {"SECRET_KEY": ONE, "ALLOWED_ORIGINS": "*"},
        {"DATABASE_URL": "sqlite:///x.db", "SECRET_KEY": ""},
        {"SECRET_KEY": ONE, "ALGORITHM": "none"},
    ],
)
def test_what_the_validated_reference_refuses_is_refused_by_name(environ: dict[str, str]) -> None:
    assert list(environ)[-1] in mistakes(environ)
