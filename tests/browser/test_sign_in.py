"""A person signs in with Chromium: at the gateway's pages and at a provider's, by mouse and by keyboard alone."""

import asyncio
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from gateway.api.login_codes import pkce_challenge
from gateway.core.errors import Refused
from gateway.core.people import Peer
from tests.browser.conftest import Site

pytestmark = [pytest.mark.interop, pytest.mark.needs("chromium", "chromedriver")]

HERE = Peer("127.0.0.1", 50022, "OpenSSH_9.2p1 Debian-2")
AWAY = Peer("203.0.113.66", 50022, "hoop-tui/0.1.0")


def see(browser: webdriver.Chrome, words: str) -> None:
    """Wait until the page says so."""
    in_between = (NoSuchElementException, StaleElementReferenceException)
    WebDriverWait(browser, 20, ignored_exceptions=in_between).until(
        lambda driver: words in driver.find_element(By.TAG_NAME, "body").text
    )


def press(browser: webdriver.Chrome, words: str) -> None:
    """Click what says so."""
    buttons = browser.find_elements(By.CSS_SELECTOR, "button, a.button, summary")
    next(button for button in buttons if words in button.text).click()


def focused(browser: webdriver.Chrome) -> WebElement:
    return browser.switch_to.active_element


def tab_to(browser: webdriver.Chrome, words: str) -> WebElement:
    """Press Tab until the focus is on what says so: everything can be reached, and the focus can be seen."""
    for _ in range(12):
        element = focused(browser)
        if element.tag_name in ("button", "a", "summary", "input") and words in element.text:
            outline = element.value_of_css_property("outline-style")
            assert outline == "solid", f"nobody sees that {words} has the focus"
            return element
        element.send_keys(Keys.TAB)
    raise AssertionError(f"{words} can not be reached with Tab")


def complaints(browser: webdriver.Chrome) -> list[str]:
    """What the browser's console says of the pages, such as of their security policy."""
    return [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]  # selenium's


@pytest.mark.parametrize("site", ["127.0.0.1", "::1"], indirect=True)
async def test_by_mouse(site: Site, browser: webdriver.Chrome) -> None:
    ring = await site.doorbell.ring("ssh to web-1", HERE)

    def person() -> None:
        browser.get(f"{site.url}/d/{ring.code}")
        see(browser, "ssh to web-1")
        press(browser, "Sign in with Demo identity provider")
        see(browser, "Choose a person")
        press(browser, "alice@example.com")
        see(browser, "You are alice@example.com.")
        assert "/login/confirm/" in browser.current_url
        browser.refresh()  # the address of the question is no secret that is good once
        see(browser, "Let ssh to web-1 from 127.0.0.1 in as you?")
        press(browser, "Yes, it is me")
        see(browser, "You are signed in")
        assert complaints(browser) == []
        assert [cookie["httpOnly"] for cookie in browser.get_cookies()] == [True]
        browser.back()
        browser.refresh()
        see(browser, "Not signed in")

    await asyncio.to_thread(person)
    principal = await ring.answered(0)
    assert principal is not None
    assert principal.name == "alice@example.com"
    assert principal.groups == {"dev"}


async def test_by_keyboard_alone(site: Site, browser: webdriver.Chrome) -> None:
    """The code typed as it is misread; then Tab and Enter."""
    ring = await site.doorbell.ring("hoop-tui login on laptop", HERE)

    def person() -> None:
        browser.get(f"{site.url}/d")
        typed = ring.code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
        focused(browser).send_keys(typed, Keys.ENTER)
        see(browser, "hoop-tui login on laptop")
        tab_to(browser, "Sign in with Demo identity provider").send_keys(Keys.ENTER)
        see(browser, "Choose a person")
        tab_to(browser, "bob@example.com").send_keys(Keys.SPACE)
        see(browser, "You are bob@example.com.")
        tab_to(browser, "Yes, it is me").send_keys(Keys.ENTER)
        see(browser, "You are signed in")
        assert complaints(browser) == []

    await asyncio.to_thread(person)
    principal = await ring.answered(0)
    assert principal is not None
    assert principal.name == "bob@example.com"


async def test_a_victim_of_phishing_says_no(site: Site, browser: webdriver.Chrome) -> None:
    ring = await site.doorbell.ring("hoop-tui login on laptop", AWAY)

    def person() -> None:
        browser.get(f"{site.url}/d/{ring.code}")
        press(browser, "Sign in with Demo identity provider")
        see(browser, "Choose a person")
        press(browser, "carol@example.com")
        see(browser, "This was not asked for from where you are.")
        press(browser, "Yes, it is me")  # without the code the browser itself keeps the form
        assert "/login/confirm/" in browser.current_url
        see(browser, "Let hoop-tui login on laptop from 203.0.113.66 in as you?")
        press(browser, "No, stop it")
        see(browser, "Stopped")

    await asyncio.to_thread(person)
    with pytest.raises(Refused):
        await ring.answered(0)


async def test_somebody_who_leaves_the_provider(site: Site, browser: webdriver.Chrome) -> None:
    ring = await site.doorbell.ring("ssh to web-1", HERE)

    def person() -> None:
        browser.get(f"{site.url}/d/{ring.code}")
        press(browser, "Sign in with Demo identity provider")
        see(browser, "Choose a person")
        press(browser, "None of them")
        see(browser, "Demo did not sign you in: you or it said no.")
        press(browser, "Try again")
        see(browser, "ssh to web-1")

    await asyncio.to_thread(person)
    assert await ring.answered(0) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_hoop_tui_gets_its_code(site: Site, browser: webdriver.Chrome, host: str) -> None:
    """Back to a port of this machine, through the policy for forms, and the code is good for a token, once."""
    came: asyncio.Queue[str] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[1]
        if line.startswith("/done"):
            came.put_nowait(line)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nback")
        await writer.drain()
        writer.close()

    program = await asyncio.start_server(answer, host, 0)
    port = program.sockets[0].getsockname()[1]
    redirect = f"http://{f'[{host}]' if ':' in host else host}:{port}/done"
    verifier = "v" * 43
    asked = {
        "response_type": "code",
        "client_id": "hoop-tui",
        "redirect_uri": redirect,
        "state": "a-state-of-its-own",
        "code_challenge": pkce_challenge(verifier),
        "code_challenge_method": "S256",
    }

    def person() -> None:
        browser.get(f"{site.url}/login?{urlencode(asked)}")
        see(browser, "hoop-tui on this computer waits for you to sign in.")
        press(browser, "Sign in with Demo identity provider")
        see(browser, "Choose a person")
        press(browser, "carol@example.com")
        see(browser, "Let hoop-tui on this computer in as you?")
        press(browser, "Yes, it is me")
        see(browser, "back")
        assert complaints(browser) == [] or all("favicon" in line for line in complaints(browser))

    await asyncio.to_thread(person)
    brought = parse_qs(urlsplit(await came.get()).query)
    assert brought["state"] == ["a-state-of-its-own"]
    assert brought["iss"] == [site.url]
    grant = {
        "grant": "code",
        "code": brought["code"][0],
        "code_verifier": verifier,
        "redirect_uri": redirect,
    }
    async with httpx2.AsyncClient(base_url=site.url) as http:
        token = await http.post("/v1/login/token", json=grant)
        assert token.status_code == 200
        assert token.json()["person"] == "carol@example.com"
        assert (await http.post("/v1/login/token", json=grant)).json()["error"] == "invalid_grant"
    program.close()
    await program.wait_closed()


@pytest.fixture
def phone(browser: webdriver.Chrome) -> webdriver.Chrome:
    """A narrow screen."""
    size = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return browser


async def test_on_a_narrow_screen_nothing_is_cut_off(site: Site, phone: webdriver.Chrome) -> None:
    worst = Peer("2001:db8:1234:5678:9abc:def0:1234:5678", 1, "C" * 128)
    ring = await site.doorbell.ring("ssh to " + "w" * 100, worst)

    def fits() -> None:
        assert phone.execute_script("return document.documentElement.scrollWidth") <= 320

    def person() -> None:
        for path in ("/d", "/d/0000-0000", f"/d/{ring.code}"):
            phone.get(site.url + path)
            fits()
        press(phone, "With a password")
        fits()
        press(phone, "Sign in with Demo identity provider")
        see(phone, "Choose a person")
        fits()
        press(phone, "alice@example.com")
        see(phone, "You are")
        fits()
        press(phone, "No, stop it")
        see(phone, "Stopped")
        fits()

    await asyncio.to_thread(person)


async def test_in_the_dark_it_is_dark(site: Site, browser: webdriver.Chrome) -> None:
    def lightness(mode: str) -> int:
        features = [{"name": "prefers-color-scheme", "value": mode}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get(f"{site.url}/d")
        colour = browser.find_element(By.TAG_NAME, "main").value_of_css_property("background-color")
        return sum(int(part) for part in colour.partition("(")[2].split(",")[:3])

    assert await asyncio.to_thread(lightness, "dark") < 150
    assert await asyncio.to_thread(lightness, "light") > 700


async def test_what_a_screen_reader_is_told(site: Site, browser: webdriver.Chrome) -> None:
    """Chromium's own tree of what it hands to screen readers: every field and button has a name."""
    ring = await site.doorbell.ring("ssh to web-1", HERE)

    def names() -> dict[str, list[str]]:
        browser.get(f"{site.url}/d/{ring.code}")
        press(browser, "With a password")
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})
        found: dict[str, list[str]] = {}
        for node in tree["nodes"]:
            if not node.get("ignored"):
                found.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        return found

    told = await asyncio.to_thread(names)
    assert told["heading"] == ["Sign in"]
    assert told["button"] == ["Sign in with Demo identity provider", "Sign in with a password"]
    assert told["textbox"] == ["Name", "Password", "Six digits if you have an authenticator"]
    assert len(told["main"]) == 1
    assert "image" not in told
