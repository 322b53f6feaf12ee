"""The HTTP API of a running suite: one method per call."""

import json
import time
import urllib.parse

from .web import Web, WebError

# A transparent picture of one pixel, for screenshots that a human puts in later.
BLANK_IMAGE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
# Seconds between two questions for the state of a test.
SHORTEST_WAIT = 0.5


class Suite:
    """A running suite; `token` is needed unless it runs in its development mode."""

    def __init__(self, base, context, token=None):
        self.base = base.rstrip("/")
        self.web = Web(context)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def create_plan(self, name, variant, configuration):
        """The id of the new plan, and its modules."""
        query = {"planName": name, "variant": json.dumps(variant)}
        plan = self._json("POST", "/api/plan", query, configuration)
        return plan["id"], plan["modules"]

    def create_test(self, module, plan, variant):
        query = {"test": module, "plan": plan}
        if variant:
            query["variant"] = json.dumps(variant)
        return self._json("POST", "/api/runner", query)["id"]

    def wait(self, test, states, seconds):
        """Waits until the test is in one of the states; returns the state that it is in then."""
        query = {"states": ",".join(states), "timeoutMs": int(seconds * 1000)}
        asked = time.monotonic()
        try:
            self._send("GET", f"/api/runner/{test}/wait-state", query, limit=seconds + 30)
        except WebError as error:
            # That it took too long is told by a status; what the state is, the next call knows.
            if error.status is None:
                raise
        state = self.info(test)["status"]
        if state not in states:
            # An answer that came at once would have us ask without end.
            time.sleep(max(0.0, min(seconds, SHORTEST_WAIT) - (time.monotonic() - asked)))
        return state

    def begin(self, test):
        """Starts a test that waits for that."""
        self._send("POST", f"/api/runner/{test}")

    def end(self, test):
        self._send("DELETE", f"/api/runner/{test}")

    def waiting_urls(self, test):
        """Addresses that no browser step is for."""
        urls = self._json("GET", f"/api/runner/browser/{test}").get("urls") or []
        return [url["url"] if isinstance(url, dict) else url for url in urls]

    def say_visited(self, test, url):
        self._send("POST", f"/api/runner/browser/{test}/visit", {"url": url})

    def info(self, test):
        return self._json("GET", f"/api/info/{test}")

    def log(self, test):
        return self._json("GET", f"/api/log/{test}")

    def upload_blank_image(self, test, placeholder):
        path = f"/api/log/{test}/images/{urllib.parse.quote(placeholder, safe='')}"
        self._send("POST", path, body=BLANK_IMAGE.encode(), kind="text/plain;charset=UTF-8")

    def export(self, plan):
        """The results as the suite packs them: for machines, and for people."""
        return {
            "results.zip": self._send("GET", f"/api/plan/export/{plan}"),
            "results-html.zip": self._send("GET", f"/api/plan/exporthtml/{plan}"),
        }

    def _json(self, method, path, query=None, body=None):
        encoded = None if body is None else json.dumps(body).encode()
        answer = self._send(method, path, query, encoded)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise WebError(f"{method} {path}: the answer is not JSON: {answer[:200]!r}") from error

    def _send(self, method, path, query=None, body=None, kind="application/json", limit=120):
        url = self.base + path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = dict(self.headers)
        if method == "POST":
            headers["Content-Type"] = kind
            body = b"" if body is None else body
        return self.web.send(method, url, body, headers, limit)
