"""The peers' own environments, installed from the registries as their locks say."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.support.errors import BenchError

PEERS = Path(__file__).parent.parent / "peers"
_INSTALL_SECONDS = 600.0


def environments_folder() -> Path:
    """Where they are: `BENCH_ENVS`, or `bench/.envs`."""
    return Path(os.environ.get("BENCH_ENVS") or PEERS.parent / ".envs").absolute()


def python_environment(peer: str) -> Path:
    """Return the folder of a peer's programs, after bringing it up to date with its lock."""
    lock = PEERS / peer / "requirements.txt"
    folder = environments_folder() / peer
    programs = folder / "bin"
    if not _is_current(folder, lock):
        _empty(folder)
        python = f"{programs}/python"
        if uv := shutil.which("uv"):
            # Compiled at once, as pip does: a peer's first start is measured too.
            install = [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python]
            _run([uv, "venv", "-q", "--allow-existing", "--python", sys.executable, str(folder)])
        else:
            install = [python, "-m", "pip", "install", "-q"]
            _run([sys.executable, "-m", "venv", str(folder)])
        _run([*install, "--require-hashes", "--no-deps", "-r", str(lock)])
        _mark(folder, lock)
    return programs


def node_environment(peer: str) -> Path:
    """Return a folder with a peer's scripts beside its packages, brought up to date."""
    source = PEERS / peer
    lock = source / "package-lock.json"
    folder = environments_folder() / peer
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise BenchError("there is no Node here: https://nodejs.org, or apt-get install nodejs npm")
    if not _is_current(folder, lock):
        _empty(folder)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        _run(["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--prefix", str(folder)])
        _mark(folder, lock)
    for script in source.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def installed_versions(peer: str, names: Sequence[str]) -> str:
    """Return "name version" of some of a peer's packages, as its Python finds them."""
    python = str(environments_folder() / peer / "bin" / "python")
    script = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    versions = _run([python, "-c", script, *names]).split()
    return ", ".join(f"{name} {found}" for name, found in zip(names, versions, strict=True))


def installed_node_versions(peer: str, names: Sequence[str]) -> str:
    """Return "name version" of some of a peer's packages, and of Node."""
    folder = environments_folder() / peer / "node_modules"
    manifests = ((folder / name / "package.json").read_text() for name in names)
    pairs = zip(names, manifests, strict=True)
    found = [f"{name} {json.loads(manifest)['version']}" for name, manifest in pairs]
    return ", ".join([*found, f"Node {_run(['node', '--version']).strip().lstrip('v')}"])


def _is_current(folder: Path, lock: Path) -> bool:
    mark = folder / lock.name
    return (folder / ".finished").exists() and mark.read_bytes() == lock.read_bytes()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _mark(folder: Path, lock: Path) -> None:
    if not (folder / lock.name).exists():
        shutil.copy(lock, folder)
    (folder / ".finished").touch()


def _run(command: Sequence[str]) -> str:
    environment = {"UV_SYSTEM_CERTS": "true", **os.environ}
    try:
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            env=environment,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        last = " / ".join(str(error.stderr).strip().splitlines()[-2:])
        raise BenchError(f"could not be installed: {last}") from error
    except subprocess.TimeoutExpired:
        raise BenchError(f"could not be installed in {_INSTALL_SECONDS:.0f} s") from None
    return done.stdout
