"""One application with two doors: staff and customers, who share nothing, not even a database.

The host has a lifespan and a table of its own, in the customers' SQLite file.

Environment:
  STAFF_SECRET_KEY, CUSTOMERS_SECRET_KEY   a secret each, as `gatepost generate-secret` prints them
  FOLDER                                   where the two databases are, by default here
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI

from gatepost import Principal, Settings, User, install

FOLDER = Path(os.environ.get("FOLDER", "."))


@contextmanager
def open_notes() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(FOLDER / "customers.db")
    try:
        with connection:
            yield connection
    finally:
        connection.close()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    # Gatepost has started by now, both of it: the customers' tables are there to refer to.
    with open_notes() as notes:
        notes.execute(
            "CREATE TABLE IF NOT EXISTS notes"
            " (user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, text TEXT)"
        )
    print("open", flush=True)
    yield
    print("closed", flush=True)


app = FastAPI(title="Two doors", lifespan=lifespan)

staff = install(
    app,
    Settings(
        project_name="Staff",
        secret_key=os.environ["STAFF_SECRET_KEY"],
        database_url=f"sqlite:///{FOLDER}/staff.db",
        auth_transports=frozenset({"bearer"}),
        registration_open=False,
        first_superuser_email="boss@example.com",
        first_superuser_password=os.environ.get("BOSS_PASSWORD"),
    ),
    prefix="/staff/auth",
)
customers = install(
    app,
    Settings(
        project_name="Customers",
        secret_key=os.environ["CUSTOMERS_SECRET_KEY"],
        database_url=f"sqlite:///{FOLDER}/customers.db",
        algorithm="ES256",
    ),
    prefix="/auth",
)

Customer = Annotated[User, Depends(customers.user)]
Boss = Annotated[Principal, Depends(staff.require_role("admin"))]


@app.post("/notes")
def add_note(customer: Customer, text: str) -> str:
    with open_notes() as notes:
        notes.execute("INSERT INTO notes VALUES (?, ?)", (customer.id, text))
    return f"Noted, {customer.email}"


@app.get("/notes")
def list_notes(customer: Customer) -> list[str]:
    with open_notes() as notes:
        rows = notes.execute("SELECT text FROM notes WHERE user_id = ?", (customer.id,))
        return [text for (text,) in rows]


@app.get("/staff/notes/count")
def count_notes(_: Boss) -> int:
    with open_notes() as notes:
        (count,) = notes.execute("SELECT count(*) FROM notes").fetchone()
        return int(count)
