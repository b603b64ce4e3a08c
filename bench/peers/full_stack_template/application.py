"""Logging in and reading oneself by the stack that full-stack-fastapi-template documents.

SQLModel and psycopg without async, pwdlib with Argon2 first, PyJWT, `def` routes, one session a
request. Written anew for this bench: of the template it has the shape, and no code.
"""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from pydantic import BaseModel, EmailStr
from sqlmodel import Field, Session, SQLModel, create_engine, select

SECRET = os.environ["SECRET"]
LIFETIME = timedelta(days=8)

engine = create_engine(os.environ["DATABASE_URL"])
hasher = PasswordHash((Argon2Hasher(), BcryptHasher()))


class UserBase(SQLModel):
    email: EmailStr = Field(unique=True, index=True, max_length=255)
    is_active: bool = True
    is_superuser: bool = False
    full_name: str | None = Field(default=None, max_length=255)


class User(UserBase, table=True):
    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    hashed_password: str
    created_at: datetime | None = Field(default_factory=lambda: datetime.now(UTC))


class UserPublic(UserBase):
    id: uuid.UUID
    created_at: datetime | None = None


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"


def open_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(open_session)]
BearerToken = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/login/access-token"))]


def who_is_calling(session: Database, token: BearerToken) -> User:
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(403, "Could not validate credentials") from None
    user = session.get(User, claims["sub"])
    if user is None:
        raise HTTPException(404, "User not found")
    if not user.is_active:
        raise HTTPException(400, "Inactive user")
    return user


app = FastAPI()


@app.post("/api/v1/login/access-token")
def log_in(session: Database, form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    user = session.exec(select(User).where(User.email == form.username)).first()
    if user is None:
        raise HTTPException(400, "Incorrect email or password")
    matches, better_hash = hasher.verify_and_update(form.password, user.hashed_password)
    if not matches:
        raise HTTPException(400, "Incorrect email or password")
    if better_hash:
        user.hashed_password = better_hash
        session.add(user)
        session.commit()
    claims = {"exp": datetime.now(UTC) + LIFETIME, "sub": str(user.id)}
    return Token(access_token=jwt.encode(claims, SECRET, algorithm="HS256"))


@app.get("/api/v1/users/me", response_model=UserPublic)
def read_me(user: Annotated[User, Depends(who_is_calling)]) -> User:
    return user
