"""The least there is to do: `SECRET_KEY=... uvicorn hello:app`, and log in at /docs."""

from fastapi import FastAPI

from gatepost import CurrentUser, Settings, install

app = FastAPI(title="Hello")
install(app, Settings.from_environment())


@app.get("/hello")
async def hello(user: CurrentUser) -> str:
    return f"Hello {user.full_name or user.email}"
