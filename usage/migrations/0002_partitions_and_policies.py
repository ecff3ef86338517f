"""`usage_records` in monthly partitions, its dedupe keys in hash partitions, and the policies of all four tables."""

from django.db import migrations

from billingos.common.policies import secure, tenant_tables

USAGE_RECORDS = """
CREATE TABLE usage_records (
    id uuid NOT NULL,
    merchant_id uuid NOT NULL REFERENCES merchants (id),
    meter_id uuid NOT NULL REFERENCES meters (id),
    customer_id uuid NOT NULL REFERENCES customers (id),
    event_id text NOT NULL,
    "timestamp" timestamptz NOT NULL,
    value numeric(30, 10) NOT NULL,
    properties jsonb NOT NULL DEFAULT '{}',
    received_at timestamptz NOT NULL,
    PRIMARY KEY ("timestamp", id)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX usage_records_read ON usage_records (merchant_id, customer_id, meter_id, "timestamp" DESC);
"""

EVENT_KEYS = """
CREATE TABLE usage_event_keys (
    merchant_id uuid NOT NULL,
    event_id text NOT NULL,
    PRIMARY KEY (merchant_id, event_id)
) PARTITION BY HASH (merchant_id, event_id);
DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format('CREATE TABLE usage_event_keys_%s PARTITION OF usage_event_keys '
            'FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
        EXECUTE format('REVOKE ALL ON usage_event_keys_%s FROM billingos_app, billingos_platform', part);
    END LOOP;
END
$$;
"""

# The application owns no table, so it cannot make one: this function does, as the owner, and nothing else.
ENSURE_PARTITION = """
CREATE FUNCTION billingos_ensure_usage_partition(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    start date := date_trunc('month', month)::date;
    name text := 'usage_records_' || to_char(start, 'YYYY_MM');
BEGIN
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('billingos usage partition', 0));
    -- Another session may have made it while this one waited, which the catalogue's cache does not know yet.
    EXECUTE format('CREATE TABLE IF NOT EXISTS public.%I PARTITION OF public.usage_records FOR VALUES FROM (%L) TO (%L)',
        name, start::timestamp AT TIME ZONE 'UTC', (start + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    -- Rows are reached through the parent, whose policies hold; a partition by itself has none.
    EXECUTE format('REVOKE ALL ON public.%I FROM billingos_app, billingos_platform', name);
END
$$;
REVOKE ALL ON FUNCTION billingos_ensure_usage_partition(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION billingos_ensure_usage_partition(date) TO billingos_app, billingos_platform;
"""


class Migration(migrations.Migration):
    dependencies = [("common", "0001_roles"), ("usage", "0001_initial")]
    operations = [
        migrations.RunSQL(USAGE_RECORDS, "DROP TABLE usage_records"),
        migrations.RunSQL(EVENT_KEYS, "DROP TABLE usage_event_keys"),
        migrations.RunSQL(ENSURE_PARTITION, "DROP FUNCTION billingos_ensure_usage_partition(date)"),
        secure("usage_records"),
        secure("usage_event_keys"),
        *tenant_tables("meters", "usage_counters"),
    ]
