"""Where no temporary file can be made, as on a read-only root, everything works all the same."""

from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import typer
from sqlalchemy import text

from gatepost.cli.dev import write_env_file
from gatepost.db import engine, temporary_map
from gatepost.db.engine import open_engine
from gatepost.db.temporary_map import TemporaryDiskMap
from gatepost.files import temporary
from gatepost.observability.sharing import VARIABLE, shared_metrics
from tests.support import patience
from tests.support.command import Gatepost
from tests.support.service import make_settings

pytestmark = pytest.mark.slow

NOWHERE = """
import tempfile
tempfile._candidate_tempdir_list = lambda: ["/proc"]
"""


@pytest.fixture
def homeless(gatepost: Gatepost) -> Gatepost:
    """The command, whose Python finds no folder for temporary files."""
    (gatepost.folder / "sitecustomize.py").write_text(NOWHERE, encoding="utf-8")
    return gatepost.having(PYTHONPATH=str(gatepost.folder), LOG_FORMAT="json")


def test_several_workers_serve_and_count_together(homeless: Gatepost) -> None:
    with homeless.start("serve", "--port", "0", "--workers", "2") as process:
        url = process.wait_for(r"(http://127\.0\.0\.1:\d+)")[1]
        for _ in range(6):
            httpx.get(f"{url}/users/me", timeout=patience.SECONDS, trust_env=False)
        exposed = httpx.get(f"{url}/metrics", timeout=patience.SECONDS, trust_env=False).text
        status, printed = process.terminate()
    assert (status, "Traceback" in printed) == (0, False), printed
    if Path("/dev/shm").is_dir():
        [line] = [
            each
            for each in exposed.splitlines()
            if each.startswith("gatepost_http_requests_total") and '"/users/me"' in each
        ]
        assert line.endswith(" 6.0")


def test_that_processes_do_not_count_together_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(temporary, "_make", lambda _: None)
    environ: dict[str, str] = {}
    with shared_metrics(environ) as folder:
        assert (folder, environ) == (None, {})
    assert VARIABLE not in environ
    [record] = caplog.records
    assert record.message == "metrics.not_shared"
    assert "set TMPDIR" in record.__dict__["note"]


@pytest.mark.anyio
async def test_sqlite_sorts_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "has_temporary_folder", lambda: False)
    async with AsyncExitStack() as stack:
        opened = open_engine(make_settings(f"sqlite:///{tmp_path}/test.db").database)
        stack.push_async_callback(opened.dispose)
        connection = await stack.enter_async_context(opened.connect())
        assert (await connection.execute(text("PRAGMA temp_store"))).scalar() == 2


def test_what_an_import_puts_aside_is_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary_map, "has_temporary_folder", lambda: False)
    with TemporaryDiskMap() as kept:
        kept.put((f"user-{number}@example.com", "x" * 64) for number in range(60_000))
        assert len(kept.find(["user-1@example.com", "user-59999@example.com", "nobody"])) == 2
        assert not any("etilqs" in each for each in open_files())


def open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    return [str(each.readlink()) for each in folder.iterdir() if each.is_symlink()]


def test_a_place_where_nothing_can_be_written_is_told_in_a_sentence(gatepost: Gatepost) -> None:
    no_folder = gatepost.folder / "file"
    no_folder.write_text("")
    said = gatepost.refused("export-users", str(no_folder / "users.csv"))
    assert said.endswith("cannot be written: Not a directory.\n")


def test_dev_tells_where_it_cannot_write_its_settings(tmp_path: Path) -> None:
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    with pytest.raises(typer.Exit):
        write_env_file(no_folder / ".env")
