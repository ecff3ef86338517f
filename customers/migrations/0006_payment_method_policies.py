from django.db import migrations

from billingos.common.policies import tenant_tables


class Migration(migrations.Migration):
    dependencies = [("common", "0001_roles"), ("customers", "0005_payment_methods")]
    operations = tenant_tables("payment_methods")
