"""Writes what was guessed about a table as a contract, with a comment after each guess."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from lagoa.contracts.columns import logical_type
from lagoa.contracts.formats import FORMATS
from lagoa.domain.lists import counted
from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.shared.guesses import FEW, RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lagoa.contracts.sources import Source
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.guesses import Guess

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_PLAIN = yaml.resolver.Resolver()
_TEXT = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class Draft:
    """The form of the files of a table, for a contract.

    Attributes:
        source: the form.
        options: the options of its format, as `key: value` in YAML.
        notes: what a reviewer should know about it.
        files: the names of the files that it was guessed from.
    """

    source: Source
    options: Iterable[str]
    notes: Sequence[str]
    files: Sequence[str]


def contract_lines(table: TableName, draft: Draft, guesses: Sequence[Guess], key: Guess | None) -> Iterator[str]:
    """Yield the lines of a contract in YAML, with notes on the form of the file."""
    file = draft.source.file or ""
    records = guesses[0].records
    first = (
        f"its first {RECORDS:,} records" if not guesses[0].parsed and records >= RECORDS else counted(records, "record")
    )
    names = _comment(draft.files[0]) if len(draft.files) == 1 else f"{len(draft.files):,} files {_comment(file)}"
    yield f"# Guessed from {names}, {first}. Review it before you rely on it:"
    yield "# REVIEW marks what a file cannot show; add descriptions and the team that owns the table."
    yield "apiVersion: v3.2.0"
    yield "kind: DataContract"
    yield f"id: {table}"
    yield f"name: {table}"
    yield "version: 0.1.0"
    yield "status: draft"
    yield "schema:"
    yield f"  - name: {scalar(table.name)}"
    yield f"    physicalName: {table}"
    yield "    physicalType: table"
    yield from _key_lines(key)
    yield "    properties:"
    for guess in guesses:
        yield from guess_lines(guess, is_key=guess is key)
    yield "    customProperties:"
    for note in draft.notes:
        yield f"      # REVIEW: {_comment(note)}."
    yield "      - property: lagoa.source"
    member = [f"member: {scalar(draft.source.member)}"] if draft.source.member else []
    options = [f"format: {draft.source.format}", f"file: {scalar(file)}", *member, *draft.options]
    yield f"        value: {{{_CONTROL.sub(_escaped, ', '.join(options))}}}"


def _key_lines(key: Guess | None) -> Iterator[str]:
    """Yield what identifies a record, as comments: a later delivery may repeat its key, as each stays in the table."""
    if key is None:
        yield "    # REVIEW: no column is certain to identify a record; a model that keeps one row a record needs one."
        return
    name = name_in_sql(key.name)
    yield f"    # {key.name} identifies a record. Each delivery stays in this table; a model keeps the latest with"
    yield f"    # qualify row_number() over (partition by {name} order by _ingested_at desc, _row desc) = 1"


def scalar(text: str) -> str:
    """Return a text as YAML, quoted if it would otherwise be read as something else."""
    tag = _PLAIN.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if _WORD.fullmatch(text) and tag == _TEXT:
        return text
    return _CONTROL.sub(_escaped, json.dumps(text, ensure_ascii=False))


def guess_lines(guess: Guess, *, is_key: bool = False) -> Iterator[str]:
    """Yield the lines of a column, as an item of `properties`."""
    yield f"      - name: {scalar(guess.name)}"
    for note in guess.notes:
        yield f"        # REVIEW: {guess.name}: {_comment(note)}."
    if not guess.type.startswith("map<"):  # ODCS has its own form for the parts of a map; Lagoa writes them in the type
        yield f"        logicalType: {logical_type(guess.type)}"
    kind = scalar(guess.type) if ":" in guess.type else guess.type
    yield f"        physicalType: {kind}  # {_comment(guess.why)}"
    yield from _rules(guess, is_key=is_key)
    properties = dict(guess.properties)
    if guess.header != guess.name:
        properties["lagoa.header"] = scalar(guess.header)
    if properties:
        yield "        customProperties:"
        for name in sorted(properties):
            yield f"          - {{property: {name}, value: {_CONTROL.sub(_escaped, properties[name])}}}"


def _rules(guess: Guess, *, is_key: bool) -> Iterator[str]:
    seen = guess.records - guess.nulls
    if guess.required:
        complete = f"no value is missing in {counted(guess.records, 'record')}"
        yield f"        required: true  # {complete if not guess.nulls else guess.why}"
    elif not guess.nulls and not guess.offered and guess.records >= FEW:
        few = f"{guess.records:,} records"
        yield f"        # REVIEW required: true  # none is missing, but {few} are too few to be sure"
    if is_key:
        differ = f"all {guess.distinct:,} values differ"
        yield f"        # REVIEW primaryKey: true  # {differ}; only if no later delivery repeats one"
    elif FEW <= seen == guess.distinct and guess.type in {"long", "string"}:
        yield f"        # REVIEW unique: true  # all {guess.distinct:,} values differ"
    if guess.personal:
        yield f"        classification: personal  # REVIEW: it seems to be {guess.personal}; remove this if it is not"
    if guess.format:
        words = FORMATS[guess.format].words
        yield f"        logicalTypeOptions: {{format: {guess.format}}}  # every value is {words}"
    for likely in guess.likely:
        yield f"        # REVIEW {_comment(likely)}  # holds for all {seen:,} values"


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _comment(text: str) -> str:
    """Return a text that stays on the line of its comment."""
    return _CONTROL.sub("?", text)
