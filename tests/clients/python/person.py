"""A simulated user with a browser without scripts: keeps cookies, follows redirects, fills in forms by the
names of their fields. It knows the issuer's origin and none of its paths.
"""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests


class Forms(HTMLParser):
    """The forms of a page: targets, initial values, and whether they ask for a decision."""

    def __init__(self, html):
        super().__init__()
        self.all = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.all.append({"action": attrs["action"], "fields": {}, "decides": False})
        elif tag == "input" and attrs.get("name"):
            self.all[-1]["fields"][attrs["name"]] = attrs.get("value", "")
        elif tag == "button" and attrs.get("name") == "decision":
            self.all[-1]["decides"] = True


def origin(url):
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


class Person:
    def __init__(self, issuer, login, password):
        self.origin = origin(issuer)
        self.answers = {"login": login, "password": password}
        self.browser = requests.Session()
        self.seen = []

    def _choose(self, html, decision):
        for form in Forms(html).all:
            if "password" in form["fields"]:
                self.seen.append("login")
                form["fields"].update(self.answers)
                return form
            if form["decides"]:
                self.seen.append("decision")
                form["fields"]["decision"] = decision
                return form
        raise AssertionError(f"the way ends at a page: {html}")

    def authorize(self, url, decision="allow"):
        """The complete flow from a request to the client's redirect URI, which is not opened."""
        response = self.browser.get(url, allow_redirects=False)
        for _ in range(20):
            location = response.headers.get("location")
            if location:
                url = urljoin(url, location)
                if origin(url) != self.origin:
                    return url
                response = self.browser.get(url, allow_redirects=False)
                continue
            form = self._choose(response.text, decision)
            url = urljoin(url, form["action"])
            headers = {"origin": self.origin}
            response = self.browser.post(
                url, form["fields"], headers=headers, allow_redirects=False
            )
        raise AssertionError(f"no end of pages at {url}")
