"""One module of a plan from its creation to its result."""

import time
from dataclasses import dataclass, field

from .suite import Suite
from .web import Web, WebError

ENDED = ("FINISHED", "INTERRUPTED")
# A module that waits for somebody to start it, when our signing keys have been rotated.
ROTATES_KEYS = "oidcc-server-rotate-keys"
# Results of conditions that are worth telling.
TELLING = ("FAILURE", "WARNING", "SKIPPED", "INTERRUPTED")
# Seconds between two looks at a module that waits for the suite's own browser, and that a call may block.
LOOK_AGAIN = 1
BLOCK = 30


@dataclass(frozen=True)
class Condition:
    """An entry of the log that says what is not as it should be."""

    result: str
    source: str
    message: str
    requirements: tuple

    @classmethod
    def read(cls, entry):
        return cls(
            entry["result"],
            entry.get("src") or "-",
            " ".join(str(entry.get("msg") or "").split()),
            tuple(entry.get("requirements") or ()),
        )

    def __str__(self):
        clauses = f" ({', '.join(self.requirements)})" if self.requirements else ""
        return f"{self.result} {self.source}: {self.message}{clauses}"


@dataclass
class Outcome:
    """What became of a module."""

    module: str
    variant: dict
    result: str = "FAILED"
    conditions: list = field(default_factory=list)
    # What a reader has to know beside the log.
    notes: list = field(default_factory=list)

    @property
    def name(self):
        variant = ", ".join(f"{name}={value}" for name, value in sorted(self.variant.items()))
        return f"{self.module} [{variant}]" if variant else self.module


class TooSlow(Exception):
    """A module that did not come to its end in time."""


class KeysNotRotated(Exception):
    """Our signing keys were not rotated when a module asked for it."""


@dataclass
class ModuleRunner:
    """Runs modules of a plan one by one."""

    suite: Suite
    plan: str
    # Rotates our signing keys, and returns when the new one is published.
    rotate_keys: object
    # How pages are visited that no browser step is for.
    visitor_trust: object
    # Seconds that a module may take, and that a screenshot is waited for before a blank one takes its place.
    limit: float
    patience: float

    def run(self, module, variant):
        outcome = Outcome(module, variant)
        try:
            test = self.suite.create_test(module, self.plan, variant)
        except WebError as error:
            outcome.notes.append(f"it could not be created: {error}")
            return outcome
        try:
            self._drive(test, outcome)
        except (WebError, TooSlow, KeysNotRotated) as error:
            outcome.notes.append(str(error))
            self._give_up(test)
            outcome.conditions = self._conditions(test)
            return outcome
        info = self.suite.info(test)
        outcome.conditions = self._conditions(test)
        if info["status"] == "INTERRUPTED":
            outcome.notes.append("it was interrupted")
        else:
            outcome.result = info.get("result") or "FAILED"
        return outcome

    def _drive(self, test, outcome):
        until = time.monotonic() + self.limit
        state, since = None, time.monotonic()
        begun, images = False, set()
        now = self.suite.wait(test, ("CONFIGURED", "WAITING", *ENDED), min(BLOCK, self.limit))
        while now not in ENDED:
            if time.monotonic() > until:
                raise TooSlow(f"no end after {self.limit:g} s: it is {now}")
            if now != state:
                state, since = now, time.monotonic()
            patient = time.monotonic() - since >= self.patience
            if state == "CONFIGURED" and not begun and (patient or outcome.module == ROTATES_KEYS):
                if outcome.module == ROTATES_KEYS:
                    self.rotate_keys()
                self.suite.begin(test)
                begun = True
            elif state == "WAITING":
                self._visit(test, outcome)
                if patient:
                    self._fill_in_images(test, outcome, images)
            now = self.suite.wait(test, ENDED, LOOK_AGAIN)

    def _visit(self, test, outcome):
        for url in self.suite.waiting_urls(test):
            self.suite.say_visited(test, url)
            try:
                Web(self.visitor_trust).send("GET", url)
            except WebError as error:
                # An error page is a page; that nobody answers is worth telling.
                if error.status is None:
                    outcome.notes.append(f"it was not visited: {error}")

    def _fill_in_images(self, test, outcome, done):
        wanted = [entry["upload"] for entry in self.suite.log(test) if entry.get("upload") and not entry.get("img")]
        for placeholder in wanted:
            if placeholder in done:
                continue
            done.add(placeholder)
            self.suite.upload_blank_image(test, placeholder)
            outcome.notes.append(f"{placeholder}: a blank image, to be replaced by a screenshot")

    def _conditions(self, test):
        try:
            entries = self.suite.log(test)
        except WebError as error:
            return [Condition("FAILURE", "-", f"there is no log: {error}", ())]
        return [Condition.read(entry) for entry in entries if entry.get("result") in TELLING]

    def _give_up(self, test):
        try:
            self.suite.end(test)
        except WebError:
            # It has ended by itself, or never will.
            pass
