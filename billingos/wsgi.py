"""The web application: `granian --interface wsgi billingos.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billingos.settings")
application = get_wsgi_application()
