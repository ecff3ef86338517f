"""What the simulator may lean on, and many clients at once."""

import ast
import re
import sys
import threading
from pathlib import Path

import stripe_simulator
from stripe_simulator.endpoints import ENDPOINTS
from tests.stripe_simulator.conftest import Shop, client_of

ALLOWED = {"stripe_simulator", "werkzeug", "waitress", "requests", "markupsafe", "_typeshed"} | sys.stdlib_module_names
FILES = sorted(Path(stripe_simulator.__file__).parent.rglob("*.py"))


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_it_stands_alone() -> None:
    assert len(FILES) > 40
    assert {str(file): imports(file) - ALLOWED for file in FILES if imports(file) - ALLOWED} == {}


def test_modules_stay_small() -> None:
    assert {file.name: lines for file in FILES if (lines := len(file.read_text().splitlines())) > 400} == {}


def test_money_is_never_a_float() -> None:
    # seconds of real time, and probabilities
    timed = {"chaos.py", "deliveries.py", "events.py", "front.py", "lanes.py", "settings.py", "simulator.py"}
    for file in FILES:
        if file.name not in timed:
            floats = [
                node.lineno
                for node in ast.walk(ast.parse(file.read_text()))
                if (isinstance(node, ast.Name) and node.id == "float")
                or (isinstance(node, ast.Constant) and isinstance(node.value, float))
                or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
            ]
            assert floats == [], file


def test_many_clients_at_once(shop: Shop) -> None:
    made: list[str] = []

    def create() -> None:
        client = client_of(shop.url)
        made.extend(client.v1.customers.create({}).id for _ in range(10))

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listed = [one.id for one in shop.client.v1.customers.list({"limit": 100})]
    assert len(set(made)) == 60
    assert sorted(listed) == sorted(made)
    assert len([one for one in shop.types() if one == "customer.created"]) == 60


def test_every_request_has_one_answer() -> None:
    routes = [f"{entry.method} {re.sub('<[a-z_]+>', '<>', entry.path)}" for entry in ENDPOINTS]
    assert [route for route in set(routes) if routes.count(route) > 1] == []
