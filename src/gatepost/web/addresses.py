"""Where the service is mounted, as the client of this request sees it."""

from fastapi import Request


def mount_of(request: Request, own_path: str) -> str:
    """The path before `own_path`, which the answering route has in the service: `""` at the root.

    Holds for a service that is mounted, included under a prefix, or behind a proxy that cuts one
    off. Links that start with it need no host, which in the request is only the client's word.
    """
    root: str = request.scope.get("root_path", "").rstrip("/")
    path: str = request.scope["path"]
    # Servers differ in whether the path repeats the root path that they were given.
    if path == root or path.startswith(f"{root}/"):
        path = path.removeprefix(root)
    return root + path.removesuffix(own_path)
