"""dj-stripe's tables hold all merchants' raw objects side by side: merchants' connections have no access to them."""

from django.db import migrations

REVOKE = """
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'djstripe\\_%' LOOP
        EXECUTE format('REVOKE ALL ON public.%I FROM billingos_app', name);
    END LOOP;
END
$$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [("common", "0001_roles"), ("djstripe", "__latest__")]
    operations = [migrations.RunSQL(REVOKE, migrations.RunSQL.noop)]
