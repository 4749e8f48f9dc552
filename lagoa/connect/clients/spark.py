"""Spark, by Nessie's REST catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Iceberg


def text(iceberg: Iceberg) -> str:
    """Return lines of a `spark-defaults.conf`."""
    catalog = "spark.sql.catalog.lake"
    settings = {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "rest",
        f"{catalog}.uri": iceberg.uri,
        f"{catalog}.header.X-Iceberg-Access-Delegation": "vended-credentials",
    }
    if iceberg.tokens:
        settings |= {
            f"{catalog}.rest.auth.type": "oauth2",
            f"{catalog}.oauth2-server-uri": iceberg.tokens,
            f"{catalog}.scope": "profile",
            f"{catalog}.token-exchange-enabled": "false",  # Keycloak refuses it; a new token comes before one ends
        }
    lines = [f"{name}  {value}" for name, value in settings.items()]
    note = "# Lines of spark-defaults.conf; the jars are in that of the stack's Spark ($LAGOA_SPARK_CONF)."
    secret = (
        f'# Sign in first: spark.conf.set("{catalog}.credential", "lagoa-reader:SECRET"), before the catalog is used.'
    )
    return "\n".join([note, *([secret] if iceberg.tokens else []), *lines]) + "\n"
