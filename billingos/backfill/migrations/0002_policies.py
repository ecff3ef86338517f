from django.db import migrations

from billingos.common.policies import tenant_tables


class Migration(migrations.Migration):
    dependencies = [("common", "0001_roles"), ("backfill", "0001_initial")]
    operations = tenant_tables("backfills", "backfill_gaps")
