"""The written pages agree with the settings."""

from pathlib import Path

import pytest

from gatepost.configuration import Settings
from gatepost.documentation.settings import render, render_example, write
from gatepost.settings.base import names_of

ROOT = Path(__file__).parents[3]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == render()


def test_the_example_is_up_to_date() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == render_example()


def test_writing_makes_both_files(tmp_path: Path) -> None:
    write(tmp_path)
    assert (tmp_path / "docs" / "settings.md").read_text(encoding="utf-8") == render()
    assert (tmp_path / ".env.example").read_text(encoding="utf-8") == render_example()


@pytest.mark.parametrize("field", Settings.fields())
def test_every_setting_is_described_under_all_its_names(field: str) -> None:
    info = Settings.fields()[field]
    [row] = [line for line in render().splitlines() if line.startswith(f"| `{field.upper()}`")]
    assert info.description
    assert all(f"`{name}`" in row for name in names_of(field, info))
    assert not any(cell.strip() == "" for cell in row.strip("|").split("|"))


def test_the_example_read_as_it_is_misses_the_secret_only(tmp_path: Path) -> None:
    example = tmp_path / ".env"
    example.write_text(
        render_example().replace("\nSECRET_KEY=", f"\nSECRET_KEY={'0123456789ab' * 3}")
    )
    made = Settings.from_environment({}, example)
    assert made == Settings(secret_key="0123456789ab" * 3)


def test_the_examples_values_are_the_defaults(tmp_path: Path) -> None:
    example = tmp_path / ".env"
    lines = [line.removeprefix("# ") for line in render_example().splitlines()]
    settings = [line for line in lines if line.partition("=")[0].lower() in Settings.fields()]
    example.write_text("\n".join([*settings, f"JWT_SECRET_KEY={'0123456789ab' * 3}"]))
    made = Settings.from_environment({}, example)
    expected = Settings(secret_key="0123456789ab" * 3, database_url="sqlite:///./gatepost.db")
    assert made == expected
