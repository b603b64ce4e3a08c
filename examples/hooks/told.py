"""Hear what happens: `SECRET_KEY=... uvicorn told:app`, and watch the terminal."""

from fastapi import FastAPI

from gatepost import HookEvent, Hooks, Settings, install

hooks = Hooks()


async def welcome(happening: HookEvent) -> None:
    print(f"welcome, user {happening.user_id}", flush=True)


async def write_down(happening: HookEvent) -> None:
    print(f"{happening.event} in request {happening.request_id}", flush=True)


async def alarm(_: HookEvent) -> None:
    raise RuntimeError("the pager is broken")  # the log tells; the request succeeds all the same


hooks.on("user.created", welcome)
hooks.on("session.ended", alarm)
hooks.on("*", write_down)

app = FastAPI(title="Hooks")
install(app, Settings.from_environment(), hooks=hooks)
