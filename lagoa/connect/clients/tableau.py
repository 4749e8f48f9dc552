"""Tableau: a data source file, over JDBC."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


def text(trino: Trino) -> str:
    """Return a `.tds`; Tableau asks for user and password."""
    return f"""\
<?xml version='1.0' encoding='utf-8' ?>
<!-- The driver io.trino:trino-jdbc:476 of Maven Central goes into Tableau's folder of drivers. -->
<datasource formatted-name={quoteattr(trino.catalog)} inline='true' version='18.1'>
  <connection class='genericjdbc' dbname={quoteattr(trino.catalog)} dialect='SQL92' jdbcproperties='' \
jdbcurl={quoteattr(trino.jdbc)} port='{trino.port}' schema='gold' server={quoteattr(trino.host)} \
username='' warehouse='' />
</datasource>
"""
