"""SQLAlchemy: an ORM's own statements over psycopg2, psycopg and asyncpg's neighbours; its pool and its type lookups."""
from common import *
from sqlalchemy import BigInteger, Numeric, Text, create_engine, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Event(Base):
    __tablename__ = "events"
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    amount: Mapped[decimal.Decimal | None] = mapped_column(Numeric(12, 2))


for driver in ("psycopg2", "psycopg", "pg8000"):
    engine = create_engine(f"postgresql+{driver}://{USER}:{PASSWORD}@{HOST}:{PORT}/{DATABASE}", pool_size=3, pool_pre_ping=True)
    for client in CLIENTS:
        with Session(engine) as session:
            same(session.scalar(select(func.count()).where(Event.client_id == client)), 6, f"{driver}: events of {client}")
            same(session.get(Event, (client, 2)).id, 2, f"{driver}: get")
            session.commit()
            session.add(Event(client_id=client, id=2501, kind="orm", amount=decimal.Decimal("1.25")))
            session.commit()
            session.get(Event, (client, 2501)).kind = "changed"
            session.commit()
            same(session.scalars(select(Event.kind).where(Event.client_id == client, Event.id == 2501)).one(), "changed", f"{driver}: update")
            session.execute(update(Event).where(Event.client_id == client, Event.id == 2501).values(amount=Event.amount + 1))
            session.add(Event(client_id=client, id=1, kind="dup"))
            try:
                session.flush()
                raise AssertionError("a duplicate was accepted")
            except IntegrityError:
                session.rollback()
            session.add_all([Event(client_id=client, id=2510 + n, kind="bulk") for n in range(5)])
            session.commit()
            session.execute(delete(Event).where(Event.client_id == client, Event.id > 2500, Event.id < 2600))
            session.commit()
    engine.dispose()
print("ok")
