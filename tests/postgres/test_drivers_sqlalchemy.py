"""SQLAlchemy over psycopg, through the gateway."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from tests.postgres.interop.ways import WayIn

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text))
    books: Mapped[list["Book"]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="books")


def test_sqlalchemy(way: WayIn) -> None:
    engine = sa.create_engine(way.url("drivers", "postgresql+psycopg"))
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            books = [Book(title=f"volume {n}") for n in range(50)]
            session.add(Author(name="Agnes", tags=["a", "b"], books=books))
            session.commit()
            author = session.scalars(sa.select(Author).where(Author.name.ilike("AG%"))).one()
            assert len(author.books) == 50
            author.books[:] = author.books[:2]
            session.commit()
            assert session.scalar(sa.select(sa.func.count()).select_from(Book)) == 2
        seen = sa.inspect(engine)
        assert {column["name"] for column in seen.get_columns("books")} == {"id", "title", "author_id"}
        assert seen.get_foreign_keys("books")[0]["referred_table"] == "authors"
    finally:
        Base.metadata.drop_all(engine)
        engine.dispose()


async def test_sqlalchemy_asynchronous(way: WayIn) -> None:
    engine = create_async_engine(way.url("drivers", "postgresql+psycopg"))
    try:
        async with engine.connect() as connection:
            streamed = await connection.stream(sa.text("SELECT g FROM generate_series(1, 5000) g"))
            assert sum([row.g async for row in streamed]) == 12_502_500
    finally:
        await engine.dispose()
