"""What the columns of many tables are."""

from typing import Final

from sqlalchemy import JSON, Column, ForeignKey, Integer, MetaData, String

metadata = MetaData()

ID: Final = String(64)
NAME: Final = String(255)


def standard() -> list[Column[object]]:
    """Those of `rows.StandardRow`."""
    return [
        Column("id", ID, primary_key=True),
        Column("project_id", NAME, nullable=False, index=True),
        Column("name", NAME, nullable=False),
        Column("description", NAME, nullable=False),
        Column("created_at", String(32), nullable=False),
        Column("updated_at", String(32), nullable=False),
        Column("revision_number", Integer, nullable=False),
        Column("tags", JSON, nullable=False),
    ]


def reference(name: str, to: str, *, nullable: bool = False, primary_key: bool = False) -> Column[object]:
    """A column that names a row of another table."""
    return Column(name, ID, ForeignKey(to), nullable=nullable, primary_key=primary_key, index=not primary_key)
