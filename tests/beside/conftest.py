"""These tests need libraries that hosts bring with them: `make test-beside` installs them."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("fastapi_users") else ["test_*.py"]
