"""Migration operations that put a table under row-level security and under the `updated_at` trigger.

Two roles use the tables: `billingos_app` sees the rows of the merchant in scope, `billingos_platform` sees all. The
owner, who migrates, is neither.
"""

from django.db.migrations.operations import RunSQL

# NULLIF, because after one scope the setting is '' and not NULL.
IN_SCOPE = "NULLIF(current_setting('billingos.merchant', true), '')::uuid"


def touch(table: str) -> RunSQL:
    """`updated_at` follows every UPDATE, whoever makes it."""
    return RunSQL(
        f"CREATE TRIGGER touch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION billingos_touch()",
        f"DROP TRIGGER touch ON {table}",
    )


def secure(table: str, *, column: str = "merchant_id") -> RunSQL:
    """Row-level security: `column` must be the merchant in scope, to read and to write."""
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON {table} TO billingos_app
            USING ({column} = {IN_SCOPE}) WITH CHECK ({column} = {IN_SCOPE});
        CREATE POLICY platform ON {table} TO billingos_platform USING (true) WITH CHECK (true);
        """,
        f"""
        DROP POLICY tenant ON {table};
        DROP POLICY platform ON {table};
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def append_only(table: str) -> RunSQL:
    """Rows can be added and read, never changed or removed, by anyone but the owner."""
    return RunSQL(
        f"REVOKE UPDATE, DELETE ON {table} FROM billingos_app, billingos_platform",
        f"GRANT UPDATE, DELETE ON {table} TO billingos_app, billingos_platform",
    )


def tenant_tables(*tables: str) -> list[RunSQL]:
    """What every tenant table gets."""
    return [operation for table in tables for operation in (secure(table), touch(table))]
