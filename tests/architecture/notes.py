"""A feature that a test adds to a copy of the product: its files, by path below `src/gatepost`."""

TUPLE = "features/__init__.py"

FILES = {
    "features/notes/__init__.py": '''
"""Notes of a user, kept for some days."""

from gatepost.manifest import Feature, Mount, Tag

FEATURE = Feature(
    name="notes",
    routers=(Mount("router:router"),),
    tables=("models:Note",),
    purges={"notes": "service:purge"},
    events="events",
    problems="errors",
    settings="settings:NotesSettings",
    tags=(Tag("notes", "What the caller wants to remember."),),
)
''',
    "features/notes/errors.py": '''
"""Refusals of notes."""

from gatepost.errors import Problem


class NoteIsEmpty(Problem):
    """A note says nothing."""

    status = 409
    code = "note_is_empty"
    title = "The note says nothing"
    when = "A note is only white space."
    remedy = "Write something."
''',
    "features/notes/events.py": '''
"""What the audit log records of notes."""

from gatepost.events import Event

NOTE_WRITTEN = Event("note.written", owasp="sensitive_create", when="A user writes a note.")
''',
    "features/notes/settings.py": '''
"""Settings of notes."""

from pydantic import Field

from gatepost.settings.base import SettingsGroup
from gatepost.settings.limits import Limit, limit


class NotesSettings(SettingsGroup):
    """Notes."""

    rate_limit_notes: Limit = limit(percent=50, description="How many notes a client may write.")
    notes_kept_days: int = Field(default=30, ge=1, description="How long notes are kept.")
''',
    "features/notes/models.py": '''
"""The notes table."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, Id


class Note(Base):
    """A text of a user's."""

    __tablename__ = "gatepost_notes"
    __table_args__ = (Index(None, "owner_id", "id"), TABLE_OPTIONS)

    owner_id: Mapped[int] = mapped_column(Id, ForeignKey("gatepost_users.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime]
''',
    "features/notes/repository.py": '''
"""Queries on notes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.counts import rows_changed
from gatepost.features.notes.models import Note


def add(db: AsyncSession, note: Note) -> None:
    db.add(note)


async def list_of_owner(db: AsyncSession, owner_id: int) -> Sequence[Note]:
    return (await db.scalars(select(Note).where(Note.owner_id == owner_id))).all()


async def purge(db: AsyncSession, before: datetime) -> int:
    return rows_changed(await db.execute(delete(Note).where(Note.written_at < before)))
''',
    "features/notes/service.py": '''
"""Writes a user's notes, and reads them."""

from collections.abc import Sequence
from datetime import timedelta

from gatepost.features.audit import service as audit
from gatepost.features.notes import events, repository
from gatepost.features.notes.errors import NoteIsEmpty
from gatepost.features.notes.models import Note
from gatepost.features.notes.settings import NotesSettings
from gatepost.work import Work


async def write(work: Work, owner_id: int, text: str) -> Note:
    """Add a note; raises `NoteIsEmpty`."""
    if not text.strip():
        raise NoteIsEmpty
    note = Note(owner_id=owner_id, text=text, written_at=work.now)
    repository.add(work.db, note)
    await audit.record(work, events.NOTE_WRITTEN, audit.EventContext(user_id=owner_id))
    return note


async def list_of_owner(work: Work, owner_id: int) -> Sequence[Note]:
    """The notes of a user."""
    return await repository.list_of_owner(work.db, owner_id)


async def purge(work: Work) -> int:
    """Delete the notes that have been kept for long enough; returns how many."""
    kept = work.runtime.settings.group(NotesSettings).notes_kept_days
    return await repository.purge(work.db, work.now - timedelta(days=kept))
''',
    "features/notes/router.py": '''
"""The caller's notes."""

from fastapi import APIRouter, status
from pydantic import BaseModel

from gatepost.features.callers.dependencies import CurrentPrincipal
from gatepost.features.notes import service as notes
from gatepost.features.notes.errors import NoteIsEmpty
from gatepost.web.dependencies import RequestWork
from gatepost.web.problems import problems
from gatepost.web.rate_limits import limited
from gatepost.web.routing import StrictRoute

router = APIRouter(prefix="/notes", tags=["notes"], route_class=StrictRoute)


class NoteText(BaseModel):
    """A note on the wire."""

    text: str


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    dependencies=[limited("notes")],
    responses=problems(NoteIsEmpty),
)
async def write_note(work: RequestWork, principal: CurrentPrincipal, body: NoteText) -> NoteText:
    """Write a note."""
    note = await work.write(notes.write, principal.user_id, body.text)
    return NoteText(text=note.text)


@router.get("")
async def list_notes(work: RequestWork, principal: CurrentPrincipal) -> list[NoteText]:
    """The caller's notes."""
    found = await notes.list_of_owner(work, principal.user_id)
    return [NoteText(text=note.text) for note in found]
''',
    "migrations/versions/20990101_add_notes.py": '''
"""Add notes."""

import sqlalchemy as sa
from alembic import op

from gatepost.db.base import UtcDateTime

revision: str = "aaaaaaaaaaaa"
down_revision: str | None = "{head}"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "gatepost_notes",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["gatepost_users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_gatepost_notes_owner_id_id", "gatepost_notes", ["owner_id", "id"])


def downgrade() -> None:
    op.drop_table("gatepost_notes")
''',
}

USE = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path

import httpx

import gatepost
from gatepost.clock import SystemClock
from gatepost.documentation import events, problems, settings as pages
from gatepost.purging import purge_all

assert Path(gatepost.__file__).is_relative_to(sys.argv[1]), gatepost.__file__
heard = []


class Clock(SystemClock):
    ahead = timedelta()

    def now(self):
        return super().now() + self.ahead


async def hear(event):
    heard.append(event.event)


async def use():
    settings = gatepost.Settings(
        secret_key="of-the-tests-0123456789-abcdefghijklmn",
        database_url=f"sqlite:///{sys.argv[1]}/notes.db",
        rate_limit_notes="3/60",
    )
    clock = Clock()
    app = gatepost.create_app(settings, clock=clock, hooks=gatepost.Hooks({"note.written": [hear]}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://a/api/v1") as client:
            ada = {"email": "ada@example.com", "password": "a-passphrase-of-hers"}
            (await client.post("/auth/register", json=ada)).raise_for_status()
            login = {"email": ada["email"], "password": ada["password"]}
            token = (await client.post("/auth/login", json=login)).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            assert (await client.get("/notes")).json() == []
            written = [await client.post("/notes", json={"text": t}) for t in ("a", " ", "b", "c")]
            assert [each.status_code for each in written] == [201, 409, 201, 429], written
            assert written[1].json()["code"] == "note_is_empty"
            assert (await client.get("/notes")).json() == [{"text": "a"}, {"text": "b"}]
            mine = (await client.get("/users/me/activity?event=note.written")).json()
            assert len(mine) == 2, mine
            assert heard == ["note.written", "note.written"], heard
            runtime = app.state.gatepost
            assert (await purge_all(runtime))["notes"] == 0
            Clock.ahead = timedelta(days=31)
            assert (await purge_all(runtime))["notes"] == 2
            metrics = runtime.metrics.expose().decode()
            assert 'event="note.written"' in metrics
            assert 'gatepost_rate_limit_refusals_total{limit="notes"} 1.0' in metrics
    document = app.openapi()
    assert "notes" in [tag["name"] for tag in document["tags"]]
    assert {"get", "post"} <= {*document["paths"]["/api/v1/notes"]}
    assert "note_is_empty" in document["components"]["examples"]
    assert "note.written" in document["components"]["schemas"]["Event"]["enum"]


asyncio.run(use())
assert "RATE_LIMIT_NOTES" in pages.render() and "NOTES_KEPT_DAYS" in pages.render_example()
assert "`note_is_empty`" in problems.render()
assert "`note.written`" in events.render()
"""
