"""A folder for a while is gone when its process is, at the latest when the next one is made."""

import subprocess
import sys
from pathlib import Path

import pytest

from gatepost.files.temporary import temporary_folder

PREFIX = "gatepost-metrics-"
KEEP = f"""
from gatepost.files.temporary import temporary_folder
with temporary_folder("{PREFIX}") as folder:
    print(folder, flush=True)
    input()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_left_is_deleted_and_nothing_else(place: Path) -> None:
    (place / f"{PREFIX}of-another-kind").mkdir()
    (place / "claim").touch()
    (place / f"{PREFIX}link").symlink_to(place)
    with subprocess.Popen(
        [sys.executable, "-c", KEEP],
        env={"TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        kept = Path(process.stdout.readline().strip())
        (kept / "counter_1.db").touch()
        with temporary_folder(PREFIX) as own:
            assert own is not None
            assert kept.is_dir()
        process.kill()
        process.wait()
    with temporary_folder(PREFIX) as own:
        assert own is not None
        assert own.is_dir()
        assert not kept.exists()
    names = {each.name for each in place.iterdir()}
    assert names == {f"{PREFIX}of-another-kind", "claim", f"{PREFIX}link"}
