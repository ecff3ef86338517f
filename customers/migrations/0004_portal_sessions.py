import billingos.common.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from billingos.common.policies import tenant_tables


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0003_policies'),
        ('merchants', '0002_policies'),
    ]

    operations = [
        migrations.CreateModel(
            name='PortalSession',
            fields=[
                ('id', models.UUIDField(default=billingos.common.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('link_digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('token_digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('cookie_digest', models.CharField(editable=False, max_length=64, null=True, unique=True)),
                ('expires_at', models.DateTimeField()),
                ('exchanged_at', models.DateTimeField(null=True)),
                ('browser_expires_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('return_url', models.TextField(blank=True, help_text="Where the portal's link back leads; empty: no link.")),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='portal_sessions', to='customers.customer')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.merchant')),
            ],
            options={
                'db_table': 'portal_sessions',
                'indexes': [models.Index(fields=['merchant', 'customer', '-id'], name='portal_sessions_customer'), models.Index(fields=['expires_at'], name='portal_sessions_age')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('browser_expires_at', None), ('cookie_digest', None), ('exchanged_at', None)), models.Q(('browser_expires_at__isnull', False), ('cookie_digest__isnull', False), ('exchanged_at__isnull', False)), _connector='OR'), name='portal_sessions_exchange')],
            },
        ),
        *tenant_tables('portal_sessions'),
    ]
