from django.db import migrations

from billingos.common.policies import tenant_tables


class Migration(migrations.Migration):
    dependencies = [("common", "0001_roles"), ("reconciliation", "0001_backfill")]
    operations = tenant_tables("backfills", "backfill_gaps")
