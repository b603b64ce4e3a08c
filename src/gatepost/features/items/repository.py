"""Queries on items. Each is limited to one owner, so that it cannot reach another user's items."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from gatepost.db.counts import rows_changed
from gatepost.db.paging import Page, PageRequest, PageStatement
from gatepost.db.statements import columns_of, lookup, new_row
from gatepost.db.unit_of_work import UnitOfWork
from gatepost.features.items.models import Item, ItemRow

# Built once: a request only binds the values.
_ITEM = lookup(Item, ItemRow, "id", "owner_id")
_OF_OWNER = select(*columns_of(Item, ItemRow)).where(Item.owner_id == bindparam("owner_id"))
_PAGE = PageStatement(_OF_OWNER, key=Item.id, row=ItemRow)


async def insert(work: UnitOfWork, values: Mapping[str, Any]) -> int | None:
    """Insert an item and return its id; None if its owner has just been deleted."""
    try:
        return await work.insert(new_row(Item, values))
    except IntegrityError:
        return None


async def find(work: UnitOfWork, item_id: int, owner_id: int) -> ItemRow | None:
    row = await work.fetch_one(_ITEM, {"id": item_id, "owner_id": owner_id})
    return None if row is None else ItemRow(*row)


async def list_page(work: UnitOfWork, owner_id: int, page: PageRequest) -> Page[ItemRow]:
    return await _PAGE.fetch(work, {"owner_id": owner_id}, page)


async def change(work: UnitOfWork, item_id: int, owner_id: int, values: Mapping[str, Any]) -> bool:
    """Set columns of an item; False if the owner has no such item."""
    of_owner = update(Item).where(Item.id == item_id, Item.owner_id == owner_id)
    result = await work.db.execute(
        of_owner.values(**values).execution_options(synchronize_session=False)
    )
    return rows_changed(result) == 1


async def remove(work: UnitOfWork, item_id: int, owner_id: int) -> bool:
    """Delete an item; False if the owner has no such item."""
    of_owner = delete(Item).where(Item.id == item_id, Item.owner_id == owner_id)
    return rows_changed(await work.db.execute(of_owner)) == 1
