"""Queries on items. Each names the owner, so that none can reach somebody else's."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.counts import rows_changed
from gatepost.db.paging import Page, PageRequest, fetch_page
from gatepost.features.items.models import Item


async def insert(db: AsyncSession, item: Item) -> bool:
    """Insert an item; False, and nothing else may follow, if its owner has just been deleted."""
    db.add(item)
    try:
        await db.flush()
    except IntegrityError:
        return False
    return True


async def find(db: AsyncSession, item_id: int, owner_id: int) -> Item | None:
    """The item as the database has it now, whatever this transaction has seen before."""
    return await db.scalar(
        select(Item)
        .where(Item.id == item_id, Item.owner_id == owner_id)
        .execution_options(populate_existing=True)
    )


async def list_page(db: AsyncSession, owner_id: int, page: PageRequest) -> Page[Item]:
    return await fetch_page(db, select(Item).where(Item.owner_id == owner_id), Item.id, page)


async def change(db: AsyncSession, item_id: int, owner_id: int, values: Mapping[str, Any]) -> bool:
    """Set columns of an item; False if the owner has no such item."""
    result = await db.execute(
        update(Item)
        .where(Item.id == item_id, Item.owner_id == owner_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result) == 1


async def remove(db: AsyncSession, item_id: int, owner_id: int) -> bool:
    """Delete an item; False if the owner has no such item."""
    result = await db.execute(delete(Item).where(Item.id == item_id, Item.owner_id == owner_id))
    return rows_changed(result) == 1
