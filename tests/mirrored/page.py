"""Writes docs/mirrored-fields.md from the table: `python -m tests.mirrored.page`."""

from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mirrored-fields.md"
HEAD = """# Mirrored fields

What PostgreSQL has of Stripe's objects, column by column. Random lives of subscriptions are lived against the API and
the simulator, and after each step every column below must say what Stripe has (`tests/subscriptions/test_life.py`).
This page is generated from the table that the test uses: `python -m tests.mirrored.page`.

`*` stands for the kind of a payment method, `card` for instance. Metadata are without keys that begin with
`billingos_`. Embedded lists that Stripe cuts off are read whole.
"""


def page() -> str:
    from tests.mirrored.fields import TABLE  # Django is set up by then

    parts = [HEAD]
    for model, mirrored in TABLE.items():
        lines = [f"## {model._meta.db_table}", "", "| column | in Stripe |", "|---|---|"]
        lines += [f"| `{field.column}` | `{field.path}` |" for field in mirrored.fields]
        lines += [f"| `{column}` | `{path}` |" for column, path in mirrored.pointers.items()]
        lines += [f"| `{column}` | calculated: {how} |" for column, how in mirrored.calculated.items()]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    import django

    django.setup()
    PAGE.write_text(page(), encoding="utf-8")
