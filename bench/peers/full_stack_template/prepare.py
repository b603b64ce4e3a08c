"""Makes the tables and the users."""

import os

from application import User, engine, hasher
from sqlmodel import Session, SQLModel

SQLModel.metadata.create_all(engine)
with Session(engine) as session:
    for email in os.environ["BENCH_EMAILS"].split(","):
        hashed = hasher.hash(os.environ["BENCH_PASSWORD"])
        session.add(User(email=email, hashed_password=hashed))
    session.commit()
