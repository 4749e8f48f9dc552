"""SQLAlchemy, and with it pandas and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


_ONE_WAY = """\
# pip install 'lagoa[trino]'; LAGOA_TRINO_USER and LAGOA_TRINO_PASSWORD have who signs in.
# Unset REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE: the file that they name would be used in place of "verify".
import os

from sqlalchemy import URL, create_engine, text

user, password = os.environ["LAGOA_TRINO_USER"], os.environ["LAGOA_TRINO_PASSWORD"]
sign_in = {}
"""

_EITHER_WAY = """\
# pip install 'lagoa[trino]'; LAGOA_TRINO_USER and LAGOA_TRINO_PASSWORD have who signs in. Without them a browser opens,
# to sign in at Keycloak.
# Unset REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE: the file that they name would be used in place of "verify".
import os

from sqlalchemy import URL, create_engine, text
from trino.auth import OAuth2Authentication

user, password = os.environ.get("LAGOA_TRINO_USER"), os.environ.get("LAGOA_TRINO_PASSWORD")
sign_in = {} if password else {"auth": OAuth2Authentication()}
"""


def text(trino: Trino) -> str:
    """Return Python code that reads user and password from variables."""
    return f"""\
{_EITHER_WAY if trino.in_browser else _ONE_WAY}
url = URL.create("trino", user, password, {trino.host!r}, {trino.port}, "{trino.catalog}/gold")
engine = create_engine(url, connect_args={{"http_scheme": "https", "verify": {str(trino.certificate)!r}, **sign_in}})
with engine.connect() as connection:
    print(connection.execute(text("SHOW TABLES")).all())
"""
