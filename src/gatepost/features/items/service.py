"""Keeps a user's items. They are nobody else's business, an admin's neither."""

from collections.abc import Mapping

from gatepost.db.paging import Page, PageRequest
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.items import repository
from gatepost.features.items.errors import ItemNotFound
from gatepost.features.items.models import Item
from gatepost.work import Work


async def create(work: Work, owner_id: int, title: str, description: str | None) -> Item:
    """Add an item; raises `InvalidToken` if its owner is deleted at this very moment."""
    now = work.now
    item = Item(
        owner_id=owner_id,
        title=title,
        description=description,
        created_at=now,
        updated_at=now,
    )
    if not await repository.insert(work.db, item):
        raise InvalidToken
    return item


async def list_of_owner(work: Work, owner_id: int, page: PageRequest) -> Page[Item]:
    """One page of a user's items, the oldest first."""
    return await repository.list_page(work.db, owner_id, page)


async def get(work: Work, item_id: int, owner_id: int) -> Item:
    """The item; raises `ItemNotFound`, for somebody else's too."""
    item = await repository.find(work.db, item_id, owner_id)
    if item is None:
        raise ItemNotFound
    return item


async def change(
    work: Work, item_id: int, owner_id: int, changes: Mapping[str, str | None]
) -> Item:
    """Set `title`, `description` or both, and return the item; raises `ItemNotFound`."""
    if changes:
        values = {**changes, "updated_at": work.now}
        if not await repository.change(work.db, item_id, owner_id, values):
            raise ItemNotFound
    return await get(work, item_id, owner_id)


async def delete(work: Work, item_id: int, owner_id: int) -> None:
    """Delete the item; raises `ItemNotFound`."""
    if not await repository.remove(work.db, item_id, owner_id):
        raise ItemNotFound
