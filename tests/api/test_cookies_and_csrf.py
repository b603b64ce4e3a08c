"""Cookies and the sites that may use them: attributes, precedence, and forged requests."""

from collections.abc import Mapping
from datetime import timedelta
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from gatepost.features.audit.models import AuditEvent
from tests.api.conftest import MakeService
from tests.support.asgi import speak
from tests.support.service import BASE_URL, PASSWORD, Account, Service, log_in, register, sign_up

pytestmark = pytest.mark.anyio

LISTED = "https://app.example.com"
CREDENTIALS = {"email": "ada@example.com", "password": PASSWORD}
AUTH_FOLDERS = {"/api/v1/auth": "/api/v1/auth", "/auth": "/auth", "": "/auth"}


def cookies_of(answer: httpx.Response) -> dict[str, Morsel[str]]:
    """The cookies that an answer sets."""
    jar: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        jar.load(line)
    return dict(jar)


def sent(**cookies: str) -> dict[str, str]:
    """The header that sends cookies; a client with a jar would not let a test choose."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


async def log_in_by_cookie(
    client: httpx.AsyncClient, path: str = "/api/v1/auth/login", **body: str
) -> httpx.Response:
    answer = await client.post(path, json=CREDENTIALS | body)
    assert answer.status_code == 200, answer.text
    client.cookies.clear()
    return answer


@pytest.fixture
def cookie(account: Account) -> dict[str, str]:
    return sent(access_token=account.access_token)


@pytest.mark.parametrize("folder", AUTH_FOLDERS)
async def test_a_login_sets_both_cookies_as_narrow_as_their_use(
    client: httpx.AsyncClient, folder: str
) -> None:
    await register(client)

    answer = await log_in_by_cookie(client, f"{folder}/login")

    cookies = cookies_of(answer)
    assert cookies.keys() == {"access_token", "refresh_token"}
    for name, path, age in (
        ("access_token", "/", "900"),
        ("refresh_token", AUTH_FOLDERS[folder], "604800"),
    ):
        cookie = cookies[name]
        assert (cookie["path"], cookie["max-age"]) == (path, age)
        assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "lax")
        assert cookie["domain"] == ""
        assert cookie.value == answer.json()[name]
        assert len(name) + len(cookie.value) <= 4096


async def test_the_refresh_cookie_reaches_refreshing_and_logging_out_and_nothing_else(
    service: Service,
) -> None:
    async with service.open_client() as browser:
        await register(browser)
        await browser.post("/api/v1/auth/login", json=CREDENTIALS)
        received: dict[str, bool] = {}

        async def note(request: httpx.Request) -> None:
            received[request.url.path] = "refresh_token=" in request.headers.get("cookie", "")

        browser.event_hooks = {"request": [note]}
        for path in ("/users/me", "/items/", "/auth/sessions", "/authors", "/", "/health"):
            await browser.get("/api/v1" + path)
        await browser.post("/api/v1/auth/refresh")
        await browser.post("/api/v1/auth/logout")

    assert {path for path, was_sent in received.items() if was_sent} == {
        "/api/v1/auth/sessions",
        "/api/v1/auth/refresh",
        "/api/v1/auth/logout",
    }


async def test_a_browser_stays_logged_in_by_cookies_alone(service: Service) -> None:
    async with service.open_client() as browser:
        await register(browser)
        answer = await browser.post("/auth/login", json=CREDENTIALS | {"transport": "cookie"})
        assert answer.json() == {"token_type": "cookie", "expires_in": 900}

        assert (await browser.get("/users/me")).json()["email"] == CREDENTIALS["email"]
        first = dict(browser.cookies)
        answer = await browser.post("/auth/refresh")
        assert (answer.status_code, answer.json()) == (
            200,
            {"token_type": "cookie", "expires_in": 900},
        )
        assert all(browser.cookies[name] != value for name, value in first.items())
        assert (await browser.get("/users/me")).status_code == 200

        assert (await browser.post("/auth/logout")).status_code == 200
        assert not browser.cookies
        assert (await browser.get("/users/me")).status_code == 401


async def test_no_cookie_is_set_for_who_asks_for_tokens_in_the_body(
    client: httpx.AsyncClient, account: Account
) -> None:
    login = await log_in_by_cookie(client, transport="bearer")
    refresh = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})

    for answer in (login, refresh):
        assert "set-cookie" not in answer.headers
        assert answer.json().keys() >= {"access_token", "refresh_token"}


async def test_cookies_are_as_the_settings_say(make_service: MakeService) -> None:
    wide = {"cookie_secure": False, "cookie_samesite": "strict", "cookie_domain": "gatepost.test"}
    for settings, secure, samesite, domain in (
        (wide, "", "strict", "gatepost.test"),
        ({"cookie_samesite": "none"}, True, "none", ""),
    ):
        async with make_service(**settings) as service, service.open_client() as client:
            await register(client)
            login = await log_in_by_cookie(client)
            logout = await client.post(
                "/auth/logout", headers=sent(refresh_token=login.json()["refresh_token"])
            )
            for answer in (login, logout):
                for cookie in cookies_of(answer).values():
                    assert cookie["secure"] == secure
                    assert cookie["samesite"] == samesite
                    assert cookie["domain"] == domain
                    assert cookie["httponly"]


async def test_a_domain_that_is_new_leaves_no_cookie_of_before(make_service: MakeService) -> None:
    jar = httpx.Cookies()
    async with make_service() as before, before.open_client(cookies=jar) as browser:
        await register(browser)
        await browser.post("/auth/login", json=CREDENTIALS)
        jar = browser.cookies
        assert {each.domain for each in jar.jar} == {"gatepost.test"}
    domain = "gatepost.test"
    async with (
        make_service(cookie_domain=domain) as service,
        service.open_client(cookies=jar) as browser,
    ):
        await register(browser)
        await browser.post("/auth/login", json=CREDENTIALS)
        assert {each.domain for each in browser.cookies.jar} == {".gatepost.test"}
        assert (await browser.get("/users/me")).status_code == 200
        assert (await browser.post("/auth/refresh")).status_code == 200
        await browser.post("/auth/logout")
        assert not [*browser.cookies.jar]


async def test_two_refresh_cookies_keep_nobody_from_logging_out(
    client: httpx.AsyncClient, cookie: dict[str, str]
) -> None:
    two = {"Cookie": f"{cookie['Cookie']}; refresh_token=a; refresh_token=b"}
    answer = await client.post("/auth/logout", headers=two)
    assert answer.status_code == 200
    assert clears_all(answer)
    assert (await client.get("/users/me", headers=cookie)).status_code == 401


async def test_the_header_wins_over_the_cookie(
    client: httpx.AsyncClient, account: Account, cookie: dict[str, str]
) -> None:
    other = await sign_up(client, "eve@example.com")

    both = await client.get("/users/me", headers=cookie | other.headers)
    bad_header = await client.get("/users/me", headers=cookie | {"Authorization": "Bearer x"})
    basic = await client.get("/users/me", headers=cookie | {"Authorization": "Basic eA=="})

    assert both.json()["id"] == other.id
    assert bad_header.status_code == 401
    assert basic.json()["id"] == account.id


async def test_a_header_needs_no_protection_against_forgery(
    client: httpx.AsyncClient, account: Account, cookie: dict[str, str]
) -> None:
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    answer = await client.post(
        "/items/", json={"title": "x"}, headers=cookie | account.headers | evil
    )

    assert answer.status_code == 201


async def test_a_bearer_only_service_neither_sets_nor_reads_cookies(
    make_service: MakeService,
) -> None:
    async with (
        make_service(auth_transports="bearer") as service,
        service.open_client() as client,
    ):
        await register(client)
        login = await client.post("/auth/login", json=CREDENTIALS)
        tokens = login.json()

        assert "set-cookie" not in login.headers
        assert tokens.keys() >= {"access_token", "refresh_token"}
        headers = sent(**{n: tokens[n] for n in ("access_token", "refresh_token")})
        for answer in (
            await client.get("/users/me", headers=headers),
            await client.post("/auth/refresh", headers=headers),
            await client.post("/auth/logout", headers=headers),
        ):
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        refused = await client.post("/auth/login", json=CREDENTIALS | {"transport": "cookie"})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["loc"] == ["body", "transport"]


async def test_a_cookie_only_service_gives_and_takes_no_token_elsewhere(
    make_service: MakeService,
) -> None:
    async with (
        make_service(auth_transports="cookie") as service,
        service.open_client() as client,
    ):
        await register(client)
        login = await client.post("/auth/login", json=CREDENTIALS)
        client.cookies.clear()
        access, refresh = (cookies_of(login)[f"{n}_token"].value for n in ("access", "refresh"))

        assert login.json() == {"token_type": "cookie", "expires_in": 900}
        assert access not in login.text
        by_header = await client.get("/users/me", headers={"Authorization": f"Bearer {access}"})
        by_body = await client.post("/auth/refresh", json={"refresh_token": refresh})
        for answer in (by_header, by_body):
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        by_cookie = await client.get("/users/me", headers=sent(access_token=access))
        assert by_cookie.status_code == 200
        refused = await client.post("/auth/login", json=CREDENTIALS | {"transport": "bearer"})
        assert refused.status_code == 422


async def test_a_refused_login_sets_no_cookie(client: httpx.AsyncClient, account: Account) -> None:
    answer = await client.post("/auth/login", json=CREDENTIALS | {"password": f"no {account.id}"})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_tokens_of_one_cookie_are_not_taken_from_the_other(
    client: httpx.AsyncClient, account: Account
) -> None:
    access = await client.get("/users/me", headers=sent(access_token=account.refresh_token))
    refresh = await client.post("/auth/refresh", headers=sent(refresh_token=account.access_token))

    assert access.status_code == refresh.status_code == 401


# Sec-Fetch-Site, Origin, and whether a state-changing request with a cookie may pass.
SITES: list[tuple[str | None, str | None, bool]] = [
    (None, None, True),  # a program
    (None, BASE_URL, True),
    (None, "http://gatepost.test", True),  # a proxy ended TLS: the scheme is not known
    (None, "https://auth.example.com", True),  # PUBLIC_URL
    (None, LISTED, True),
    (None, "https://evil.example", False),
    (None, "null", False),
    (None, "", False),
    (None, "gatepost.test", False),
    (None, "https://gatepost.test.evil.example", False),
    (None, "https://evil-gatepost.test", False),
    (None, "https://gatepost.test:8443", False),
    (None, "https://gatepost.test@evil.example", False),
    (None, "https://evil.example/https://gatepost.test", False),
    (None, "HTTPS://APP.EXAMPLE.COM", False),
    (None, f"{LISTED}.evil.example", False),
    (None, f"{LISTED}, https://evil.example", False),
    (None, "http://[", False),
    (None, "http://[::1", False),
    (None, "\x7f", False),
    ("same-origin", None, True),
    ("same-origin", BASE_URL, True),
    ("none", None, True),
    ("none", BASE_URL, True),
    ("same-site", None, False),
    ("same-site", "https://sub.gatepost.test", False),
    ("same-site", BASE_URL, False),
    ("cross-site", None, False),
    ("cross-site", "https://evil.example", False),
    ("cross-site", "null", False),
    ("cross-site", BASE_URL, False),
    ("cross-site", LISTED, True),
    ("same-site", LISTED, True),
    ("Same-Origin", None, False),
    ("", None, False),
    ("same-origin, cross-site", None, False),
    ("anything", BASE_URL, False),
]


def site_headers(site: str | None, origin: str | None) -> dict[str, str]:
    given = {"Sec-Fetch-Site": site, "Origin": origin}
    return {name: value for name, value in given.items() if value is not None}


@pytest.fixture
async def guarded(make_service: MakeService) -> Any:
    settings = {"allowed_origins": LISTED, "public_url": "https://auth.example.com"}
    async with make_service(**settings) as service, service.open_client() as client:
        yield client


async def test_only_our_own_pages_change_anything_by_cookie(guarded: httpx.AsyncClient) -> None:
    account = await sign_up(guarded)
    cookie = sent(access_token=account.access_token)
    for site, origin, passes in SITES:
        headers = cookie | site_headers(site, origin)

        answer = await guarded.post("/items/", json={"title": "x"}, headers=headers)

        assert answer.status_code == (201 if passes else 403), (site, origin)
        if not passes:
            assert answer.json()["code"] == "csrf_rejected"
            assert "set-cookie" not in answer.headers

    items = (await guarded.get("/items/", headers=cookie)).json()
    assert len(items) == sum(passes for _, _, passes in SITES)


async def test_a_login_cannot_be_forged(guarded: httpx.AsyncClient) -> None:
    await register(guarded)
    for path in ("/auth/login", "/login", "/users/code"):
        for site, origin, passes in SITES:
            if not passes and site in {None, "cross-site"}:
                answer = await guarded.post(
                    path, json=CREDENTIALS, headers=site_headers(site, origin)
                )
                assert (answer.status_code, answer.json()["code"]) == (403, "csrf_rejected"), path
                assert "set-cookie" not in answer.headers
    form = {"username": CREDENTIALS["email"], "password": PASSWORD}
    forged = await guarded.post("/auth/login", data=form, headers=site_headers("cross-site", None))
    assert forged.status_code == 403
    listed = await guarded.post(
        "/auth/login", json=CREDENTIALS, headers=site_headers("cross-site", LISTED)
    )
    assert listed.status_code == 200


FORGED = site_headers("cross-site", "https://evil.example")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/users/me", {"full_name": "Eve"}),
        ("POST", "/users/me/password", {"current_password": PASSWORD, "new_password": "x" * 12}),
        ("PATCH", "/users/{id}", {"full_name": "Eve"}),
        ("DELETE", "/users/{id}", None),
        ("DELETE", "/auth/sessions/1", None),
        ("POST", "/auth/logout", None),
        ("POST", "/auth/logout-all", None),
        ("PUT", "/update", {"full_name": "Eve"}),
        ("DELETE", "/delete", None),
        ("PUT", "/items/1", {"title": "x"}),
        ("DELETE", "/items/1", None),
    ],
)
async def test_no_route_that_changes_anything_is_open_to_other_sites(
    client: httpx.AsyncClient,
    account: Account,
    cookie: dict[str, str],
    method: str,
    path: str,
    body: Mapping[str, str] | None,
) -> None:
    answer = await client.request(
        method, path.format(id=account.id), json=body, headers=cookie | FORGED
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_rejected")
    assert (await client.get("/users/me", headers=cookie)).json()["full_name"] is None


async def test_a_refresh_by_cookie_cannot_be_forged(
    client: httpx.AsyncClient, account: Account
) -> None:
    cookie = sent(refresh_token=account.refresh_token)
    for path in ("/auth/refresh", "/auth/logout"):
        answer = await client.post(path, headers=cookie | FORGED)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_rejected")

    assert (await client.post("/auth/refresh", headers=cookie)).status_code == 200


async def test_a_refresh_by_body_needs_no_protection(
    client: httpx.AsyncClient, account: Account
) -> None:
    answer = await client.post(
        "/auth/refresh", json={"refresh_token": account.refresh_token}, headers=FORGED
    )

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


async def test_reading_by_cookie_is_open_to_links(
    client: httpx.AsyncClient, cookie: dict[str, str]
) -> None:
    for method in ("GET", "HEAD"):
        answer = await client.request(method, "/users/me", headers=cookie | FORGED)

        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers


async def test_reading_changes_nothing(
    client: httpx.AsyncClient, account: Account, cookie: dict[str, str]
) -> None:
    for path in ("/auth/logout", "/auth/logout-all", "/auth/refresh", "/delete", "/update"):
        answer = await client.get(path, headers=cookie)
        assert answer.status_code == 405, path

    assert (await client.get("/users/me", headers=account.headers)).status_code == 200


async def test_a_method_cannot_be_overridden(
    client: httpx.AsyncClient, account: Account, cookie: dict[str, str]
) -> None:
    override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}

    await client.get(f"/users/{account.id}?_method=DELETE", headers=cookie | override)

    assert (await client.get("/users/me", headers=cookie)).status_code == 200


async def test_a_browser_keeps_both_transports_in_step(service: Service) -> None:
    """A page that refreshes by body must not leave a spent token in its cookie: theft, later."""
    async with service.open_client() as browser:
        await register(browser)
        first = (await browser.post("/auth/login", json=CREDENTIALS)).json()

        second = (
            await browser.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})
        ).json()

        assert browser.cookies["refresh_token"] == second["refresh_token"]
        assert browser.cookies["access_token"] == second["access_token"]


def again(name: str, *values: str) -> tuple[str, ...]:
    """The same cookies as one field has them, in either order."""
    return tuple("; ".join(f"{name}={value}" for value in each) for each in (values, values[::-1]))


async def test_neither_of_two_different_access_cookies_is_believed(
    service: Service, client: httpx.AsyncClient, account: Account
) -> None:
    """A page beside ours can set one of its own (RFC 6265 section 4.2.2)."""
    other = await log_in(client)
    for second in ("a.b.c", other["access_token"], f'"{account.access_token}"', ""):
        for field in again("access_token", account.access_token, second):
            for path in ("/users/me", "/items/", "/auth/sessions"):
                answer = await client.get(path, headers={"Cookie": field})
                assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), field
    fields = [
        (b"cookie", b"access_token=" + token.encode())
        for token in (account.access_token, other["access_token"])
    ]
    assert (await speak(service.app, "GET", "/users/me", (), fields)).status == 401

    field = "; ".join(["access_token=" + account.access_token] * 2 + ["theme=dark"])
    assert (await client.get("/users/me", headers={"Cookie": field})).status_code == 200
    assert (await speak(service.app, "GET", "/users/me", (), fields[:1] * 2)).status == 200


async def test_neither_of_two_different_refresh_cookies_is_believed(
    client: httpx.AsyncClient, account: Account
) -> None:
    other = await log_in(client)
    for second in ("a.b.c", other["refresh_token"]):
        for field in again("refresh_token", account.refresh_token, second):
            for path in ("/auth/refresh", "/auth/logout"):
                answer = await client.post(path, headers={"Cookie": field})
                assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")

    [field, _] = again("refresh_token", account.refresh_token, account.refresh_token)
    assert (await client.post("/auth/refresh", headers={"Cookie": field})).status_code == 200


@pytest.mark.parametrize(
    "field",
    [
        "theme=access_token={}",
        "theme=x access_token={}",
        "xaccess_token={}",
        "Access_Token={}",
        "access_token {}",
        "access_token:{}",
        "access_token",
        "={}",
        "access_tokens={}; refresh_token={}",
    ],
)
async def test_what_is_no_access_cookie_is_none(
    client: httpx.AsyncClient, account: Account, field: str
) -> None:
    sent = {"Cookie": field.replace("{}", account.access_token)}
    answer = await client.get("/users/me", headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    sent["Cookie"] += f"; access_token={account.access_token}"
    assert (await client.get("/users/me", headers=sent)).status_code == 200


@pytest.mark.parametrize(
    "field", [" \taccess_token={} \t", "a=b;access_token={};c", ";; access_token={};"]
)
async def test_white_space_and_semicolons_around_a_cookie_mean_nothing(
    client: httpx.AsyncClient, account: Account, field: str
) -> None:
    sent = {"Cookie": field.replace("{}", account.access_token)}
    assert (await client.get("/users/me", headers=sent)).status_code == 200


# Leaving.


def cleared_paths(answer: httpx.Response, name: str) -> set[str]:
    """The paths at which an answer clears a cookie."""
    found = set()
    for line in answer.headers.get_list("set-cookie"):
        jar: SimpleCookie = SimpleCookie(line)
        if name in jar and jar[name]["max-age"] == "0" and jar[name].value == "":
            found.add(jar[name]["path"])
    return found


def clears_all(answer: httpx.Response) -> bool:
    access, refresh = (cleared_paths(answer, name) for name in ("access_token", "refresh_token"))
    return access == {"/"} and refresh == {"/auth", "/api/v1/auth"}


@pytest.mark.parametrize("path", ["/auth/logout", "/api/v1/auth/logout", "/auth/logout-all"])
async def test_leaving_clears_the_cookies_of_a_session_that_is_over(
    client: httpx.AsyncClient, account: Account, path: str
) -> None:
    live = sent(access_token=account.access_token, refresh_token=account.refresh_token)
    assert (await client.post("/auth/logout", headers=live)).status_code == 200
    for cookies in (
        live,
        sent(access_token="junk", refresh_token="junk"),
        sent(access_token="junk"),
        sent(refresh_token="junk"),
        {"Cookie": "access_token=a; access_token=b"},
        {"Cookie": "refresh_token=a; refresh_token=b"},
        {},
        {"Authorization": "Bearer junk"},
    ):
        answer = await client.post(path, headers=cookies)
        assert answer.status_code == 401, cookies
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert clears_all(answer), cookies


async def test_another_site_clears_nobodys_cookies(
    client: httpx.AsyncClient, account: Account
) -> None:
    """A browser takes cookies from the answer to a form, though it sent none with it."""
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for path in ("/auth/logout", "/auth/logout-all", "/auth/refresh"):
        for cookies in ({}, sent(access_token="junk", refresh_token="junk")):
            answer = await client.post(path, headers=foreign | cookies)
            assert answer.status_code in {401, 403}
            assert "set-cookie" not in answer.headers
    assert (await client.get("/users/me", headers=account.headers)).status_code == 200


async def test_a_refresh_that_is_refused_for_good_clears_the_cookies(
    service: Service, client: httpx.AsyncClient, account: Account
) -> None:
    junk = await client.post("/auth/refresh", headers=sent(refresh_token="junk"))
    assert (junk.status_code, clears_all(junk)) == (401, True)

    first = sent(refresh_token=account.refresh_token)
    assert (await client.post("/auth/refresh", headers=first)).status_code == 200
    service.clock.advance(timedelta(minutes=1))
    replayed = await client.post("/auth/refresh", headers=first)
    assert (replayed.status_code, clears_all(replayed)) == (401, True)
    async with service.work() as work:
        replays = AuditEvent.event == "session.replayed"
        assert await work.db.scalar(select(func.count()).where(replays)) == 1


async def test_a_refresh_that_may_be_tried_again_leaves_the_cookies(
    make_service: MakeService,
) -> None:
    async with (
        make_service(rate_limit_refresh="1/3600") as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)
        # Too early by a clock that lags, as another server's may.
        service.clock.step(timedelta(minutes=-5))
        early = await client.post(
            "/auth/refresh", headers=sent(refresh_token=account.refresh_token)
        )
        assert (early.status_code, "set-cookie" in early.headers) == (401, False)
        service.clock.step(timedelta(minutes=5))
        limited = await client.post("/auth/refresh", headers=sent(refresh_token="junk"))
        assert (limited.status_code, "set-cookie" in limited.headers) == (429, False)


async def test_a_token_in_the_body_that_is_refused_leaves_the_cookies(
    client: httpx.AsyncClient, account: Account
) -> None:
    for path in ("/auth/refresh", "/api/v1/auth/refresh"):
        answer = await client.post(
            path,
            json={"refresh_token": "junk"},
            headers=sent(refresh_token=account.refresh_token),
        )
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    none = await client.post("/auth/refresh")
    assert (none.status_code, "set-cookie" in none.headers) == (401, False)


async def test_logins_in_two_folders_leave_one_refresh_cookie(service: Service) -> None:
    async with service.open_client() as browser:
        await register(browser)
        for path in ("/api/v1/auth/login", "/auth/login", "/login", "/api/v1/auth/login"):
            assert (await browser.post(path, json=CREDENTIALS)).status_code == 200
            assert [each.name for each in browser.cookies.jar].count("refresh_token") == 1
        assert (await browser.post("/api/v1/auth/refresh")).status_code == 200
