"""`lagoa table blame`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import emit_json, emit_table, hint, moment, one_line, say, short, shorten, text_of
from lagoa.cli.options import JsonOption, PersonalOption, RefOption, TableArgument, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.review.blame import Blame, RowWrite

_SIDE = 24
"""Characters to which each end of a change of texts is cut in a terminal."""


def blame(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    *,
    key: Annotated[
        list[str],
        typer.Option(
            "--key",
            metavar="COLUMN=VALUE",
            help="The key of the row, as in the contract: a,b=… in one text, or repeated; of one column also VALUE.",
        ),
    ],
    ref: RefOption = "main",
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="Show at most this many, the newest.")
    ] = 50,
    every: Annotated[
        bool, typer.Option("--all", help="Go on behind the row's origin: an earlier row may have had the key.")
    ] = False,
    personal: PersonalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show which publications wrote a row: when it came, changed and went, and by whom.

    On a branch its own commits come first. Of a table with history all versions of the key are shown.
    """
    from lagoa.domain.tables import TableName
    from lagoa.review.blame.keys import key_of_texts

    with open_here(ctx) as lake, working(f"looking for the row in the history of {table}"):
        contract = lake.context.contracts.get(TableName.parse(table))
        given = key if contract is None else key_of_texts(contract, key)
        found = lake.blame(table, given, ref, limit=limit, every=every, personal=personal)
    if as_json:
        emit_json(_tell(found))
        return
    _show(found, every=every)


def _show(found: Blame, *, every: bool) -> None:
    from lagoa.contracts.scd2 import FROM
    from lagoa.review.blame import shown_key

    say(one_line(f"{found.table} at {found.ref} ({short(found.commit)}): {shown_key(found.key)}"))
    say("")
    versions = FROM not in found.key and any(FROM in (each.after or each.before or {}) for each in found.writes)
    columns = ["commit", "time", "row", *(["version"] if versions else []), "author", "how", "batch", "branch"]
    emit_table(
        (*columns, "changes", "message"),
        (
            (
                short(each.commit),
                moment(each.at),
                each.kind,
                *([text_of((each.after or each.before or {}).get(FROM))] if versions else []),
                _author(each),
                _how(each),
                each.batch,
                each.branch,
                _changes(each),
                each.message,
            )
            for each in found.writes
        ),
        whole=("time", "row", "version") if versions else ("time", "row"),
        first_out=("message", "branch", "batch"),
    )
    if found.more:
        hint(f"There are older ones: --limit {len(found.writes) * 5}.")
    elif found.unread:
        hint(f"Warning: what was before cannot be read. {found.unread}")
    elif not every:
        hint("This is how the row came; --all looks further back.")
    if found.repeated:
        hint(
            f"Warning: several rows had this key after {counted(len(found.repeated), 'commit')}, the latest "
            f"{short(found.repeated[0])}: the key is not unique there."
        )
    if found.hidden:
        hint("Values of columns with personal data are hidden; --personal shows them.")


def _author(write: RowWrite) -> str:
    return write.author if write.author == write.publisher else f"{write.author}, published by {write.publisher}"


def _how(write: RowWrite) -> str:
    words = [_WORDS.get(each, each) for each in write.how]
    if write.restored:
        words = [f"rollback to {short(write.restored)}"]
    return " + ".join(words) + (f" from {', '.join(write.built_from)}" if write.built_from else "")


_WORDS = {"unknown": "another writer (no intent)"}


def _changes(write: RowWrite) -> str:
    before, after = write.before or {}, write.after or {}
    return "; ".join(f"{name}: {_text(before.get(name))} -> {_text(after.get(name))}" for name in write.columns)


def _text(value: Any) -> str:
    text = "NULL" if value is None else one_line(text_of(value))
    return shorten(text, _SIDE) if isinstance(value, str) else text


def _tell(found: Blame) -> dict[str, Any]:
    return {
        "table": str(found.table),
        "ref": found.ref,
        "commit": found.commit,
        "key": dict(found.key),
        "writes": [
            {
                "kind": each.kind,
                "commit": each.commit,
                "at": each.at,
                "published": each.published,
                "author": each.author,
                "publisher": each.publisher,
                "branch": each.branch or None,
                "message": each.message,
                "how": list(each.how),
                "restored": each.restored or None,
                "built_from": list(each.built_from),
                "batch": each.batch or None,
                "columns": list(each.columns),
                "before": None if each.before is None else dict(each.before),
                "after": None if each.after is None else dict(each.after),
            }
            for each in found.writes
        ],
        "more": found.more,
        "states": found.states,
        "repeated": list(found.repeated),
        "hidden": list(found.hidden),
        "unread": found.unread or None,
    }
