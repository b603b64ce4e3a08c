"""The caller's items: the example of a protected resource."""

from fastapi import APIRouter, Request, Response, status

from gatepost.features.callers.dependencies import CurrentPrincipal
from gatepost.features.callers.principal import Principal
from gatepost.features.idempotency.routing import IdempotentPerCaller, IdempotentRoute
from gatepost.features.items import service as items
from gatepost.features.items.errors import ItemNotFound
from gatepost.features.items.schemas import ItemCreate, ItemRead, ItemUpdate
from gatepost.web.addresses import path_of
from gatepost.web.dependencies import RequestedPage, RequestWork, RowId
from gatepost.web.pages import link_next_page
from gatepost.web.problems import problems
from gatepost.work import Work

router = APIRouter(prefix="/items", tags=["items"], route_class=IdempotentRoute)


# Clients use the collection's URL with and without a slash; a redirect would lose a POST's body.
@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    dependencies=[IdempotentPerCaller],
    include_in_schema=False,
)
@router.post("/", status_code=status.HTTP_201_CREATED, dependencies=[IdempotentPerCaller])
async def create_item(
    work: RequestWork,
    principal: CurrentPrincipal,
    request: Request,
    response: Response,
    body: ItemCreate,
) -> ItemRead:
    """Create an item of the caller; its URL is in the `Location` header."""
    owner_id, title, description = principal.user_id, body.title, body.description
    item = await work.write(items.create, owner_id, title, description)
    response.headers["Location"] = f"{path_of(request).rstrip('/')}/{item.id}"
    return ItemRead.model_validate(item)


@router.get("", include_in_schema=False)
@router.get("/")
async def list_items(
    work: RequestWork,
    principal: CurrentPrincipal,
    request: Request,
    response: Response,
    page: RequestedPage,
) -> list[ItemRead]:
    """A page of the caller's items, the oldest first; the next page is in the `Link` header."""
    found = await work.read_list(items.list_of_owner, principal.user_id, page)
    link_next_page(request, response, found)
    return [ItemRead.model_validate(item) for item in found.rows]


@router.get("/{item_id}", responses=problems(ItemNotFound))
async def read_item(work: RequestWork, principal: CurrentPrincipal, item_id: RowId) -> ItemRead:
    """One of the caller's items."""
    return ItemRead.model_validate(await items.get(work, item_id, principal.user_id))


@router.put("/{item_id}", dependencies=[IdempotentPerCaller], responses=problems(ItemNotFound))
async def replace_item(
    work: RequestWork, principal: CurrentPrincipal, item_id: RowId, body: ItemUpdate
) -> ItemRead:
    """Change one of the caller's items: like `PATCH`, absent fields keep their value."""
    return await _change(work, principal, item_id, body)


@router.patch("/{item_id}", dependencies=[IdempotentPerCaller], responses=problems(ItemNotFound))
async def update_item(
    work: RequestWork, principal: CurrentPrincipal, item_id: RowId, body: ItemUpdate
) -> ItemRead:
    """Change one of the caller's items; absent fields keep their value."""
    return await _change(work, principal, item_id, body)


@router.delete(
    "/{item_id}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(ItemNotFound)
)
async def delete_item(work: RequestWork, principal: CurrentPrincipal, item_id: RowId) -> None:
    """Delete one of the caller's items."""
    await work.write(items.delete, item_id, principal.user_id)


async def _change(work: Work, principal: Principal, item_id: int, body: ItemUpdate) -> ItemRead:
    owner_id, changes = principal.user_id, body.model_dump(exclude_unset=True)
    item = await work.write(items.change, item_id, owner_id, changes)
    return ItemRead.model_validate(item)
