"""Creates, reads, changes and deletes a user's items; no other user has access, nor an admin."""

from collections.abc import Mapping
from typing import Any

from gatepost.db.paging import Page, PageRequest
from gatepost.db.unit_of_work import UnitOfWork
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.items import repository
from gatepost.features.items.errors import ItemNotFound
from gatepost.features.items.models import ItemRow


async def create(work: UnitOfWork, owner_id: int, title: str, description: str | None) -> ItemRow:
    """Add an item; raises `InvalidToken` if its owner has just been deleted."""
    now = work.now
    values: dict[str, Any] = {
        "owner_id": owner_id,
        "title": title,
        "description": description,
        "created_at": now,
        "updated_at": now,
    }
    item_id = await repository.insert(work, values)
    if item_id is None:
        raise InvalidToken
    return ItemRow(id=item_id, **values)


async def list_of_owner(work: UnitOfWork, owner_id: int, page: PageRequest) -> Page[ItemRow]:
    """One page of a user's items, the oldest first."""
    return await repository.list_page(work, owner_id, page)


async def get(work: UnitOfWork, item_id: int, owner_id: int) -> ItemRow:
    """The item; raises `ItemNotFound`, also for another user's item."""
    item = await repository.find(work, item_id, owner_id)
    if item is None:
        raise ItemNotFound
    return item


async def change(
    work: UnitOfWork, item_id: int, owner_id: int, changes: Mapping[str, str | None]
) -> ItemRow:
    """Set `title`, `description` or both, and return the item; raises `ItemNotFound`."""
    if changes:
        values = {**changes, "updated_at": work.now}
        if not await repository.change(work, item_id, owner_id, values):
            raise ItemNotFound
    return await get(work, item_id, owner_id)


async def delete(work: UnitOfWork, item_id: int, owner_id: int) -> None:
    """Delete the item; raises `ItemNotFound`."""
    if not await repository.remove(work, item_id, owner_id):
        raise ItemNotFound
