"""`python person_in_browser.py URL PERSON`: visits a sign-in page as a person does, follows it and says yes.

Standard library only. Exit code 0 when the last page says that somebody is signed in.
"""

import html
import http.cookiejar
import re
import sys
import urllib.parse
import urllib.request

_PAGES = 8


class Browser:
    """Keeps cookies, follows links and redirects, fills in nothing."""

    def __init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)
        self.place = self.page = ""

    def visit(self, url: str, form: dict[str, str] | None = None) -> None:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        parts = urllib.parse.urlsplit(url)
        request = urllib.request.Request(url, data, {"Origin": f"{parts.scheme}://{parts.netloc}"})
        with self._opener.open(request, timeout=20) as answer:
            self.place, self.page = answer.geturl(), answer.read().decode()

    def press(self, *words: str) -> bool:
        """The first button, of any form, that says one of these words; whether there was one."""
        for form in re.findall(r"<form.*?</form>", self.page, re.DOTALL):
            for button in re.findall(r"<button.*?</button>", form, re.DOTALL):
                if any(word in button.lower() for word in words):
                    self._submit(form, button)
                    return True
        return False

    def follow(self) -> bool:
        """The first link to somewhere else."""
        link = re.search(r'<a[^>]*href="(https?:[^"]*)"', self.page)
        if link:
            self.visit(html.unescape(link[1]))
        return bool(link)

    def _submit(self, form: str, button: str) -> None:
        fields = {
            _attribute(each, "name"): _attribute(each, "value") for each in re.findall(r"<input[^>]*>", form)
        }
        if _attribute(button, "name"):
            fields[_attribute(button, "name")] = _attribute(button, "value")
        fields.pop("", None)
        target = urllib.parse.urljoin(self.place, _attribute(form, "action"))
        if _attribute(form, "method").lower() == "post":
            self.visit(target, fields)
        else:
            self.visit(f"{target}?{urllib.parse.urlencode(fields)}")


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\s{name}="([^"]*)"', tag[: tag.index(">") + 1])
    return html.unescape(found[1]) if found else ""


def sign_in(url: str, person: str) -> bool:
    """Whether it ends with somebody signed in."""
    browser = Browser()
    browser.visit(url)
    for _ in range(_PAGES):
        if "You are signed in" in browser.page:
            return True
        if not (browser.press("yes, it is me", person, "provider") or browser.follow()):
            return False
    return False


if __name__ == "__main__":
    sys.exit(0 if sign_in(sys.argv[1], sys.argv[2]) else 1)
