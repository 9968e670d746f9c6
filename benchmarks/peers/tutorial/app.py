"""What tutorials of web frameworks show for a periodic job, with SQLAlchemy's session: all users, one after the other.

The users are loaded, a query for each finds the last message, and each message is a row; where a tutorial calls its
mail service, nothing is done. The argument says whether there is a commit for ``each`` row, after which a job that was
killed goes on with the others, or ``one`` at the end, without which it begins anew. There is an index for the query,
and what is loaded stays loaded at a commit: tutorials often lack the one and the other, and are slower then.
"""

import os
import sys
from datetime import datetime, timedelta

from sqlalchemy import DateTime, ForeignKey, Index, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

INACTIVITY = timedelta(hours=1)
FREQUENCY = timedelta(hours=24)


class Base(DeclarativeBase):
    """The tables."""


class User(Base):
    """Who may get a message."""

    __tablename__ = "user_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    last_active: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Message(Base):
    """Who got which message when."""

    __tablename__ = "message"
    __table_args__ = (Index("message_by_user", "user_id", "sent_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    content: Mapped[str] = mapped_column(String(500))
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


def evaluate(session: Session, now: datetime, commits: str) -> None:
    """Message everybody who is due."""
    for user in session.scalars(select(User)).all():
        last = session.scalars(
            select(Message).where(Message.user_id == user.id).order_by(Message.sent_at.desc()).limit(1)
        ).first()
        if now - user.last_active <= INACTIVITY:
            continue
        if last is not None and now - last.sent_at < FREQUENCY:
            continue
        session.add(Message(user_id=user.id, content=f"Hello {user.name}, we have missed you!", sent_at=now))
        if commits == "each":
            session.commit()
    session.commit()


def main(commits: str) -> None:
    """Create the tables; then a job for each time on standard input, and a line when it has ended."""
    engine = create_engine(os.environ["POSTGRES_DSN"].replace("postgresql://", "postgresql+psycopg://"))
    Base.metadata.create_all(engine)
    print("ready", flush=True)
    for line in sys.stdin:
        with Session(engine, expire_on_commit=False) as session:
            evaluate(session, datetime.fromisoformat(line.strip()), commits)
        print("ended", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
