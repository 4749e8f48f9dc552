"""`lagoa contract infer`."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import typer

from lagoa.cli.console import hint, relative, say
from lagoa.cli.options import RefOption, lake_folder, open_here
from lagoa.cli.progress import working
from lagoa.domain.file_patterns import HIDDEN
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.contracts.sources import DateForm
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.given import Given

_MARKS = {"\\t": "\t", "tab": "\t"}


def contract_infer(  # noqa: PLR0913, PLR0917 - options of the command
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="CSV, JSON, JSON lines, XML, Parquet, ORC, Avro or Excel; text may be compressed (.gz, .zip). With "
            "--table, several files or a folder are looked at together.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE",
            help="In place of files: the table of a model, a layer, or `all`; may be repeated.",
        ),
    ] = None,
    ref: RefOption = "main",
    table: Annotated[str | None, typer.Option(metavar="TABLE", help="The table it goes into: layer.table.")] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="LAYER", help="The layer of the tables; each is named after its file.")
    ] = None,
    member: Annotated[
        str | None, typer.Option(metavar="NAME", help="The file to read in a zip file with several; also a pattern.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing contracts.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print what was tried, and why it was taken.")] = False,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first record names the columns.")
    ] = None,
    names: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="The names of the columns, if no record has them.")
    ] = None,
    skip: Annotated[int | None, typer.Option(min=0, metavar="N", help="Lines before the header to skip.")] = None,
    footer: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Records at the end that are no data, such as totals.")
    ] = None,
    null: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD[:COLUMN]", help="A word that is null, in all columns or one; may be repeated."),
    ] = None,
    decimal: Annotated[
        Literal[".", ","] | None, typer.Option(metavar="MARK", help="The decimal mark, '.' or ','.")
    ] = None,
    thousands: Annotated[
        Literal[".", ",", " "] | None, typer.Option(metavar="MARK", help="The mark between thousands.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(metavar="MARK", help="The mark between fields.")] = None,
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Such as utf-8, cp1252 or utf-16.")] = None,
    date: Annotated[str | None, typer.Option(metavar="FORM", help="How dates are written, such as ddmmyyyy.")] = None,
    records: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Where records are in a JSON or XML document: value, orders/order."),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(metavar="NAME", help="The sheet of an Excel workbook with several.")
    ] = None,
    cells: Annotated[
        str | None,
        typer.Option(
            "--range", metavar="CELLS", help="Where the table is in a sheet, its header first: B3 or B3:F200."
        ),
    ] = None,
) -> None:
    """Write a first contract for a table from files, whose types are guessed, or from a model."""
    from lagoa.errors import TerminalError
    from lagoa.formats.shared.given import Given
    from lagoa.settings import load_settings

    if model:
        if files or table or layer:
            raise typer.BadParameter("--model is given in place of files, --table and --layer.")
        _draft(ctx, model, ref)
        return
    if not files:
        raise typer.BadParameter("Give the files of a table, or --model for that of a model.")
    if (table is None) == (layer is None):
        raise typer.BadParameter("Say --table LAYER.TABLE for the files of one table, or --layer LAYER.")
    given = Given(
        header=header,
        names=tuple(name.strip() for name in names.split(",")) if names else (),
        skip=skip,
        footer=footer,
        nulls=tuple(_null(each) for each in null or ()),
        decimal=decimal,
        thousands=thousands,
        delimiter=_mark(delimiter),
        encoding=_encoding(encoding),
        date=_date(date),
        records=records,
        sheet=sheet,
        range=cells,
        member=member,
    )
    if given.decimal and given.decimal == given.thousands:
        raise typer.BadParameter("--decimal and --thousands are different marks.")
    folder = load_settings(lake_folder(ctx)).contracts_folder
    targets: dict[Path, tuple[Sequence[Path], TableName]] = {}
    for group, name in _tables_of(files, table, layer):
        target = folder / name.layer / f"{name.name}.odcs.yaml"
        if target.exists() and not force:
            raise TerminalError(f"{target} exists already.", "Edit it, or overwrite it with --force.")
        if target in targets:
            raise TerminalError(f"{targets[target][0][0]} and {group[0]} are both of {name}.", "Infer them one by one.")
        targets[target] = group, name
    texts = {target: _inferred(group, name, given, explain=explain) for target, (group, name) in targets.items()}
    for target, text in texts.items():
        _write(target, text)
    (first, *others), name = next(iter(targets.values()))
    drafts = "it" if len(targets) == 1 else "them"
    together = (others or len(targets) > 1) and len(
        {file.parent for group, _ in targets.values() for file in group}
    ) == 1
    load = first.parent if together else f"{first} --into {name}"
    hint(f"Read {drafts}, and correct the guesses. Next: `lagoa ingest {load}`.")


def _draft(ctx: typer.Context, names: list[str], ref: str) -> None:
    """Draft the contracts of models."""
    with open_here(ctx) as lake, working("drafting contracts"):
        drafts = lake.draft_contracts(None if "all" in names else names, ref)
    for draft in drafts:
        _write(draft.file, draft.text)
    if drafts:
        them = "it" if len(drafts) == 1 else "them"
        hint(f"Read {them}, and correct what is marked. Next: `lagoa check`, then `lagoa transform`.")
    else:
        hint("Every model has a contract: `lagoa contract update TABLE` adds what is new in one.")


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    marked = text.count("# REVIEW") - text.count("# REVIEW marks")  # the line that says what REVIEW is
    say(f"{relative(target)} is written; {counted(marked, 'line')} marked REVIEW.")


def _inferred(files: Sequence[Path], table: TableName, given: Given, *, explain: bool) -> str:
    from lagoa.formats.infer import infer_contract
    from lagoa.formats.shared.given import Findings

    findings = Findings()
    try:
        with working(f"reading {files[0].name}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")):
            return infer_contract(files, table, given, findings)
    finally:
        for line in findings.tried if explain else ():
            say(line)


def _tables_of(files: list[Path], table: str | None, layer: str | None) -> Iterator[tuple[Sequence[Path], TableName]]:
    """Yield files with the table they are of: the one that is given, or one of a layer that is called as the file."""
    from lagoa.domain.tables import TableName
    from lagoa.errors import SourceError
    from lagoa.formats.shared.names import plain_name

    found: list[Path] = []
    for file in files:
        inside = [file]
        if file.is_dir():
            inside = sorted(each for each in file.iterdir() if each.is_file() and not each.name.startswith(HIDDEN))
        if not inside:
            raise SourceError(str(file), "it is a folder without files.", "Give the path of a file.")
        found += inside
    if table:
        yield found, TableName.parse(table)
        return
    for file in found:
        plain = file.name.lower().removesuffix(".gz").removesuffix(".zip")
        stem = plain.rpartition(".")[0] or plain
        yield [file], TableName.parse(f"{layer}.{plain_name(stem)}")


def _mark(text: str | None) -> str | None:
    found = _MARKS.get(text, text) if text else text
    if found is not None and (len(found) != 1 or not found.isascii()):
        raise typer.BadParameter(f"--delimiter is one ASCII character, or tab, not {text!r}.")
    return found


def _encoding(name: str | None) -> str | None:
    try:
        return name and codecs.lookup(name).name and name
    except LookupError as error:
        raise typer.BadParameter(f"--encoding {name!r} is not known; it is one such as utf-8 or cp1252.") from error


def _null(text: str) -> tuple[str, str]:
    """Return the column and the word of an option; `*` for all columns."""
    word, _, column = text.rpartition(":")
    return (column, word) if word and column else ("*", text)


def _date(form: str | None) -> DateForm | None:
    from lagoa.contracts.sources import DateForm

    if form is not None and form not in get_args(DateForm):
        raise typer.BadParameter(f"--date is one of {', '.join(get_args(DateForm))}, not {form!r}.")
    return cast("DateForm | None", form)
