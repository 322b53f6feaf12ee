"""What is printed of a run, and what it amounts to."""

from . import explained

GOOD = ("PASSED", "REVIEW")


class Report:
    """Prints outcomes as they come and counts them."""

    def __init__(self, name, explanations):
        self.name, self.explanations = name, explanations
        self.counts = dict.fromkeys(("passed", "review", "explained", "failed"), 0)

    def add(self, outcome):
        reasons = explained.reasons(self.explanations, outcome)
        self.counts[self._kind(outcome, reasons)] += 1
        print(f"{outcome.result:<8} {outcome.name}", flush=True)
        for condition in outcome.conditions:
            if outcome.result not in GOOD:
                print(f"         {condition}")
        for note in outcome.notes:
            print(f"         note: {note}")
        if outcome.result in ("WARNING", "SKIPPED"):
            told = "; ".join(reasons) if reasons else "no, so it counts as a failure"
            print(f"         explained: {told}", flush=True)

    def _kind(self, outcome, reasons):
        match outcome.result:
            case "PASSED":
                return "passed"
            case "REVIEW":
                return "review"
            case "WARNING" | "SKIPPED" if reasons:
                return "explained"
            case _:
                return "failed"

    def summary(self):
        told = ", ".join(f"{count} {kind}" for kind, count in self.counts.items())
        print(f"{self.name}: {told}", flush=True)

    def succeeded(self):
        return self.counts["failed"] == 0 and sum(self.counts.values()) > 0
