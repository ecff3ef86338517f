"""Which role may do what: the whole table, and its page."""

import re

import pytest
from django.conf import settings

from billingos.merchants.models import Membership
from billingos.merchants.roles import GRANTS, PERMISSIONS, permission_for_role, role_allows

# viewer, developer, admin, owner
TABLE = {
    "read": (True, True, True, True),
    "export": (False, True, True, True),
    "keys.manage": (False, True, True, True),
    "webhooks.replay": (False, True, True, True),
    "billing.write": (False, False, True, True),
    "insights.act": (False, False, True, True),
    "team.manage": (False, False, True, True),
    "settings.manage": (False, False, True, True),
    "connect.manage": (False, False, False, True),
    "owners.manage": (False, False, False, True),
}
ROLES = ("viewer", "developer", "admin", "owner")
COMBINATIONS = [(role, name, allowed) for name, row in TABLE.items() for role, allowed in zip(ROLES, row, strict=True)]


@pytest.mark.parametrize(("role", "permission", "allowed"), COMBINATIONS)
def test_each_role_may_do_this_and_no_more(role: str, permission: str, allowed: bool) -> None:
    assert role_allows(role, permission) is allowed


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(PERMISSIONS)
    assert set(ROLES) == set(GRANTS) == set(Membership.Role.values)


def test_an_unknown_role_may_nothing_and_an_unknown_permission_is_a_mistake() -> None:
    assert not role_allows("intern", "read")
    with pytest.raises(ValueError, match=r"billing\.wirte"):
        role_allows("owner", "billing.wirte")


@pytest.mark.parametrize(("role", "needed"), [("owner", "owners.manage"), ("admin", "team.manage")])
def test_owners_are_handled_by_owners(role: str, needed: str) -> None:
    assert permission_for_role(role) == needed


def test_the_page_says_the_same() -> None:
    page = (settings.BASE_DIR / "docs" / "roles.md").read_text()
    rows = re.findall(r"^\| `([a-z.]+)` \| (.+?) \| (.+) \|$", page, flags=re.MULTILINE)
    assert {name: tuple(cell.strip() == "yes" for cell in cells.split("|")) for name, _, cells in rows} == TABLE
    assert {name: text for name, text, _ in rows} == dict(PERMISSIONS)
