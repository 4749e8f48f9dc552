"""Examples of each command, for the end of its help."""

from __future__ import annotations

EXAMPLES = {
    "init": ["lagoa init mylake"],
    "status": ["lagoa status"],
    "plan": ["lagoa plan delivery/", "lagoa plan --select silver.orders"],
    "run": ["lagoa run daily", "lagoa run daily folder=data/2026-11-20"],
    "ingest": ["lagoa ingest people.csv --into bronze.people", "lagoa ingest delivery/ --branch dev"],
    "transform": ["lagoa transform", "lagoa transform dev --select silver.orders"],
    "backfill": ["lagoa backfill gold.sales_by_day --since 2026-03-01 --until 2026-04-01"],
    "test": ["lagoa test", "lagoa test silver.orders --require-tests"],
    "check": ["lagoa check", "lagoa check --engine spark"],
    "audit run": ["lagoa audit dev", "lagoa audit dev --rows"],
    "audit show": ["lagoa audit show main", "lagoa audit show dev --check silver.orders/key/order_id --rows"],
    "audit history": ["lagoa audit history silver.orders/row_count"],
    "publish": ["lagoa publish dev --dry-run", 'lagoa publish dev -m "Orders of November"'],
    "rollback": ["lagoa rollback main~1", "lagoa rollback main*2026-11-20 --hold"],
    "log": ["lagoa log", "lagoa log dev -n 5"],
    "diff": ["lagoa diff dev", "lagoa diff main~1..main --rows"],
    "tables": ["lagoa tables", "lagoa tables dev"],
    "show": ["lagoa show silver.orders", "lagoa show silver.orders --ref main~1"],
    "sql": [
        'lagoa sql "select count(*) from bronze.people"',
        'lagoa sql --ref dev --csv "select * from silver.orders" > orders.csv',
    ],
    "report": ["lagoa report main -o audit.html"],
    "connect": [
        "lagoa connect sqlalchemy",
        "lagoa connect tableau --sandbox ana --out ana.tds",
        "lagoa connect metabase --pinned",
    ],
    "doctor": ["lagoa doctor"],
    "branch list": ["lagoa branch list"],
    "branch create": ["lagoa branch create dev", "lagoa branch create fix --from main~1"],
    "branch delete": ["lagoa branch delete dev", "lagoa branch delete --merged --dry-run"],
    "tag list": ["lagoa tag list"],
    "tag create": ["lagoa tag create closing-2026-11", "lagoa tag create closing-2026-10 --from main*2026-11-01"],
    "tag delete": ["lagoa tag delete closing-2026-10"],
    "sandbox list": ["lagoa sandbox list"],
    "sandbox create": [
        "lagoa sandbox create ana",
        "lagoa sandbox create closing --from closing-2026-10 --read-only --ttl 30d",
    ],
    "sandbox extend": ["lagoa sandbox extend ana --ttl 30d"],
    "sandbox delete": ["lagoa sandbox delete ana", "lagoa sandbox delete --expired"],
    "table restore": ["lagoa table restore silver.orders --from main~1"],
    "table drop": ["lagoa table drop bronze.people --branch dev"],
    "contract infer": [
        "lagoa contract infer people.csv --table bronze.people",
        "lagoa contract infer data/*.csv --layer bronze",
        "lagoa contract infer --model silver.orders",
    ],
    "contract update": [
        "lagoa contract update bronze.people people2.csv --dry-run",
        "lagoa contract update silver.orders",
    ],
    "contract diff": ["lagoa contract diff", "lagoa contract diff bronze.people --ref dev"],
    "contract apply": ["lagoa contract apply bronze.people"],
    "quarantine list": ["lagoa quarantine list --ref dev"],
    "quarantine show": ["lagoa quarantine show bronze.people --rule type/born"],
    "quarantine batches": ["lagoa quarantine batches bronze.people"],
    "quarantine export": ["lagoa quarantine export bronze.people refused.csv"],
    "quarantine retry": ["lagoa quarantine retry bronze.people --rule type/born"],
    "quarantine fix": [
        "lagoa quarantine fix bronze.people --file refused.csv",
        "lagoa quarantine fix bronze.people --set born=1999-01-02 --where \"id = '6'\"",
    ],
    "quarantine discard": ['lagoa quarantine discard bronze.people --batch 06136457c7a2da37 --reason "sent twice"'],
    "flow list": ["lagoa flow list"],
    "flow deploy": [
        "lagoa flow deploy",
        "lagoa flow deploy --per-source",
        "lagoa flow deploy --notify slack-webhook/data",
    ],
    "flow worker": ["lagoa flow worker", "lagoa flow worker --pool large"],
    "flow up": ["lagoa flow up"],
    "flow down": ["lagoa flow down"],
    "feature list": ["lagoa feature list", "lagoa feature list --domain sales"],
    "feature plan": ["lagoa feature plan"],
    "feature apply": ["lagoa feature apply"],
    "feature materialize": ["lagoa feature materialize"],
    "feature get": [
        "lagoa feature get seller_features seller_id=4869f7a5dfa277a7dca6462dcf3b52b2",
        "lagoa feature get seller_features seller_id=4869f7a5dfa277a7dca6462dcf3b52b2 --at 2018-03-01",
    ],
    "feature status": ["lagoa feature status"],
    "serve feature": ["lagoa serve feature --port 6566"],
    "stack up": ["lagoa stack up", "lagoa stack up --only nessie,minio"],
    "stack down": ["lagoa stack down"],
    "stack status": ["lagoa stack status"],
    "stack logs": ["lagoa stack logs nessie --lines 100"],
    "stack env": ['eval "$(lagoa stack env)"'],
    "stack configure": ["lagoa stack configure --secrets .secrets/credentials.json"],
    "stack make-ready": ["lagoa stack make-ready nessie minio"],
    "stack user add": ["lagoa stack user add ana --role reader"],
    "stack user list": ["lagoa stack user list"],
    "stack user remove": ["lagoa stack user remove ana"],
}
"""By command, from the root on."""


def epilog(path: str) -> str | None:
    """Return the end of the help of a command: its examples, each on a line; None for a group, which has none."""
    lines = EXAMPLES.get(path)
    return "\n\n".join(["Examples:" if len(lines) > 1 else "Example:", *lines]) if lines else None
