"""Replays the request examples that Stripe generates for its own library, over HTTP, against the simulator.

They are in the source distribution of stripe-python, of which nothing is copied here: the tool reads a
downloaded copy. ``pip download --no-deps --no-binary stripe stripe==15.6.2`` brings it, and::

    STRIPE_SDIST=stripe-15.6.2.tar.gz python -m tests.stripe_simulator.replay

prints a table by resource and every request that was not answered as Stripe would. Placeholders such as
``cus_xxxxxxxxxxxxx`` become objects made for that request, each request in an account of its own.
"""

import ast
import os
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import stripe

from stripe_simulator import Simulator
from tests.stripe_simulator.standins import StandIns

VARIABLE = "STRIPE_SDIST"
MEMBER = "/tests/test_generated_examples.py"
KEY = ("sk_test_simulator", "")
# The resources of docs/simulator.md, by the beginning of their paths. What hangs below another resource's path and
# is a resource of its own at Stripe (persons, sources …) is left out by EXCLUDED.
LISTED = (
    "account_links", "accounts", "billing/meter_events", "billing/meters", "billing_portal/configurations",
    "billing_portal/sessions", "charges", "checkout/sessions", "coupons", "credit_notes", "customers",
    "entitlements/active_entitlements", "entitlements/features", "events", "invoice_payments", "invoiceitems",
    "invoices", "payment_intents", "payment_methods", "prices", "products", "promotion_codes", "refunds",
    "setup_intents", "subscription_items", "subscription_schedules", "subscriptions", "tax_ids", "tax_rates",
    "test_helpers/test_clocks", "webhook_endpoints", "disputes",
)  # fmt: skip
EXCLUDED = (
    "/capabilities", "/external_accounts", "/persons", "/login_links", "/cash_balance", "/sources",
    "/funding_instructions",
)  # fmt: skip
GOOD = ("2xx", "documented 4xx")


@dataclass(frozen=True)
class Example:
    """One request of Stripe's: ``path`` without its query."""

    method: str
    path: str
    query: str
    body: str

    @property
    def resource(self) -> str | None:
        """The listed resource that it belongs to, or None."""
        path = self.path.removeprefix("/v1/")
        if self.path == path or any(part in self.path for part in EXCLUDED):
            return None
        return next((name for name in LISTED if path == name or path.startswith(f"{name}/")), None)

    def __str__(self) -> str:
        sent = "&".join(part for part in (self.query, self.body) if part)
        return f"{self.method.upper()} {self.path} {sent}".strip()


@dataclass
class Report:
    """What became of the examples: a count by resource and class, and those that were not answered well."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)

    def add(self, example: Example, verdict: str, times: int, why: str) -> None:
        """Count an example that occurs ``times`` times."""
        self.counts.setdefault(str(example.resource), Counter())[verdict] += times
        if verdict not in GOOD:
            self.unlike.append(f"{verdict}: {example} ({why})")

    @property
    def share(self) -> float:
        """The share of examples answered 2xx or by a 4xx that Stripe documents."""
        total = sum(sum(counter.values()) for counter in self.counts.values())
        good = sum(counter[name] for counter in self.counts.values() for name in GOOD)
        return good / total if total else 0

    def table(self) -> str:
        """A line a resource, and the sum."""
        verdicts = ("2xx", "documented 4xx", "no code", "unknown", "not simulated", "5xx")
        rows = [f"{'resource':36}{'examples':>9}" + "".join(f"{name:>15}" for name in verdicts)]
        total: Counter[str] = Counter()
        for name, counter in [*sorted(self.counts.items()), ("all", total)]:
            rows.append(f"{name:36}{counter.total():9}" + "".join(f"{counter[one]:15}" for one in verdicts))
            total.update(counter)
        return "\n".join([*rows, f"answered as Stripe would: {self.share:.1%}"])


def source_of(sdist: Path) -> str:
    """The examples' source, from the archive or from an unpacked copy of the file."""
    if sdist.suffix == ".py":
        return sdist.read_text()
    with tarfile.open(sdist) as archive:
        member = next(name for name in archive.getnames() if name.endswith(MEMBER))
        content = archive.extractfile(member)
        assert content is not None
        return content.read().decode()


def examples(source: str) -> Counter[Example]:
    """Every distinct request and how often it is repeated (for each way to call the library)."""
    found: Counter[Example] = Counter()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr != "assert_requested":
                continue
            named: dict[str, Any] = {str(one.arg): ast.literal_eval(one.value) for one in node.keywords}
            method = ast.literal_eval(node.args[0])
            body = "" if named.get("is_json") else named.get("post_data") or ""
            found[Example(method, named["path"], named.get("query_string") or "", body)] += 1
    return found


def documented_codes() -> set[str]:
    """The error codes in the installed library's type hints."""
    module = Path(stripe.__file__).parent / "_payment_intent.py"
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ClassDef) and node.name == "LastPaymentError":
            for entry in node.body:
                if isinstance(entry, ast.AnnAssign) and ast.unparse(entry.target) == "code":
                    return {str(one.value) for one in ast.walk(entry.annotation) if isinstance(one, ast.Constant)}
    raise LookupError("the library no longer lists Stripe's error codes")


def judge(answer: requests.Response, documented: Iterable[str]) -> tuple[str, str]:
    """The class of an answer, and the reason."""
    if answer.ok:
        return "2xx", ""
    if answer.status_code >= 500:
        return "5xx", answer.text[:80]
    error = answer.json()["error"]
    code, message = error.get("code"), error["message"]
    if "Unrecognized request URL" in message:
        return "unknown", "no such route"
    if code == "parameter_unknown":
        return "unknown", message
    if code == "simulator_not_implemented":
        return "not simulated", message
    return ("documented 4xx", message) if code in documented else ("no code", message)


def replay(found: Counter[Example]) -> Report:
    """Send every listed example to a simulator of its own."""
    report, documented = Report(), documented_codes()
    simulator = Simulator(deliver=lambda url, body, headers: 200)
    with simulator.serve() as server:
        for example, times in _listed(found):
            stand_ins = StandIns(server.url, KEY, str(example), isolated=not _of_platform(example))
            path, query, body = (stand_ins.filled(text) for text in (example.path, example.query, example.body))
            answer = stand_ins.send(example.method, f"{path}?{query}" if query else path, body)
            report.add(example, *_with_times(judge(answer, documented), times))
    return report


def _with_times(verdict: tuple[str, str], times: int) -> tuple[str, int, str]:
    return verdict[0], times, verdict[1]


def _listed(found: Counter[Example]) -> Iterator[tuple[Example, int]]:
    return ((example, times) for example, times in found.items() if example.resource is not None)


def _of_platform(example: Example) -> bool:
    return example.resource in ("account_links", "accounts", "webhook_endpoints")


def main() -> int:
    """Print the table and what was not answered as Stripe would."""
    named = os.environ.get(VARIABLE, "")
    if not Path(named).is_file():
        print(f"{VARIABLE} must name the source distribution; see the beginning of this file.", file=sys.stderr)
        return 1
    report = replay(examples(source_of(Path(named))))
    print(report.table(), *report.unlike, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
