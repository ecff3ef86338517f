import pytest
from django.db import connection, connections

@pytest.mark.django_db
def test_role():
    with connection.cursor() as c:
        c.execute("select current_user, current_database()")
        print(c.fetchone())

def test_committed(committed_db):
    with connection.cursor() as c:
        c.execute("select current_user, current_database()")
        assert c.fetchone()[0] == "billingos_app"
