"""The table of warnings and skips that are meant to be: `plans/explained.md`."""

import fnmatch
from dataclasses import dataclass


# A skip is of a whole module; a warning is of one of its conditions.
NONE = "–"
KINDS = {("WARNING", False), ("SKIPPED", True)}


class TableError(Exception):
    """A row that cannot be read."""


@dataclass(frozen=True)
class Explanation:
    module: str
    result: str
    condition: str
    reason: str

    def covers(self, outcome, condition):
        return (
            self.result == outcome.result
            and fnmatch.fnmatchcase(outcome.module, self.module)
            and self.condition == condition
        )


def read(path):
    """The rows of the Markdown table in a file."""
    explanations = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or cells[0] == "module" or set(cells[0]) <= {"-", ":"}:
            continue
        if len(cells) != 4 or not all(cells) or (cells[1], cells[2] == NONE) not in KINDS:
            raise TableError(f"{path}:{number}: needs module, WARNING and a condition or SKIPPED and {NONE}, reason")
        explanations.append(Explanation(*cells))
    return explanations


def reasons(explanations, outcome):
    """Why a warning or a skip is all right; None when a part of it is not explained."""
    if outcome.result == "WARNING":
        sources = {entry.source for entry in outcome.conditions if entry.result == "WARNING"}
        # A failure that the suite forgives is none that we do.
        if any(entry.result == "FAILURE" for entry in outcome.conditions):
            return None
    else:
        sources = set()
    found = []
    for source in sorted(sources or {NONE}):
        covering = [one.reason for one in explanations if one.covers(outcome, source)]
        if not covering:
            return None
        found.append(covering[0])
    return list(dict.fromkeys(found))
