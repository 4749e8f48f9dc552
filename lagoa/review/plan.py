"""What loading files, running models and publishing would do, without doing any of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lagoa.audit.expected import expected_checks
from lagoa.audit.kinds.soda import Soda
from lagoa.audit.on_engine import bytes_of
from lagoa.audit.rehearsal import place_of
from lagoa.domain.approvals import Consent
from lagoa.domain.lists import counted
from lagoa.domain.refs import MAIN
from lagoa.formats.shared.files import SourceFile
from lagoa.ingest.delivery import shown
from lagoa.ingest.load import batch_of
from lagoa.review.approval import consent_to, demands
from lagoa.review.overview import state_at
from lagoa.review.request.checks import review_checks
from lagoa.sql_models.engine_choice import engine_of, engine_of_check, input_bytes
from lagoa.sql_models.run import lake_models
from lagoa.sql_models.staleness import WRITTEN_BY_OTHERS, built_from, is_stale
from lagoa.write.evolution import CONTRACT
from lagoa.write.holds import held_batches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName
    from lagoa.ingest.delivery import Delivery
    from lagoa.sql_models import Model, Models

FileState = Literal["new", "loaded before", "same as another", "held"]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that would be loaded, or left out.

    Attributes:
        table: the table that it goes into.
        file: its name.
        batch: the id of its batch, by its content.
        bytes: its size.
        state: `new` is loaded; `held` is refused, since that content was rolled back and held.
    """

    table: TableName
    file: str
    batch: str
    bytes: int
    state: FileState


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model that would run.

    Attributes:
        table: its table.
        reasons: why it runs.
        how: how it is built: full, incremental, merge or scd2.
        rows: number of rows of its table now; None if it is not there yet, or the table's metadata does not say.
        engine: what it runs on: `duckdb`, `spark` or `trino`, or `python`: a process of this machine.
        input_bytes: size of the data files of its inputs now, by which `engine = "auto"` decides.
    """

    table: TableName
    reasons: tuple[str, ...]
    how: str
    rows: int | None
    engine: str
    input_bytes: int


@dataclass(frozen=True, slots=True)
class PlannedCheckFile:
    """A check file that a publication would run.

    Attributes:
        table: whose check file it is.
        engine: what its queries run on: `duckdb`, `spark`, `trino`, or `spark and duckdb`, each some of them.
        reasons: why DuckDB answers some, or all.
        input_bytes: size of the data files of the tables that it reads now, by which that is decided.
    """

    table: TableName
    engine: str
    reasons: tuple[str, ...]
    input_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do from the state of a ref.

    Attributes:
        ref: the ref.
        commit: id of its commit.
        files: the files of the delivery, by table and name; empty if none is given.
        ignored: names of files that no contract names and that may be there all the same.
        unmatched: by table, the pattern of the files that its contract names, if no file has such a name.
        models: the models that would run, in the order of their dependencies.
        up_to_date: number of models that would not run.
        checks: number of checks by table that the changed tables are part of; refused records may add some.
        check_files: the check files among them, by table; none with `engine = "duckdb"`, which runs them all.
    """

    ref: str
    commit: str
    files: tuple[PlannedFile, ...]
    ignored: tuple[str, ...]
    unmatched: Mapping[TableName, str]
    models: tuple[PlannedModel, ...]
    up_to_date: int
    checks: Mapping[TableName, int]
    check_files: tuple[PlannedCheckFile, ...] = ()

    def __repr__(self) -> str:
        done = f"{counted(len(self.files), 'file')}, {counted(len(self.models), 'model')}"
        return f"<Plan from {self.ref!r} ({self.commit[:12]}): {done}, {counted(sum(self.checks.values()), 'check')}>"


@dataclass(frozen=True, slots=True)
class PublicationPlan:
    """What publishing a branch would do.

    Attributes:
        branch: the branch.
        tables: number of rows of each changed table on main and on the branch; None if it is not there, or unknown.
        answered: number of checks whose results are known from before.
        checks: ids of the checks that would run.
        consent: what asks for an approval of the branch's head, and which are there.
    """

    branch: str
    tables: Mapping[TableName, tuple[int | None, int | None]]
    answered: int
    checks: tuple[str, ...]
    consent: Consent = field(default_factory=Consent)

    def __repr__(self) -> str:
        done = f"{counted(len(self.tables), 'table')}, {counted(len(self.checks), 'check')} to run"
        return f"<PublicationPlan of {self.branch!r}: {done}, {self.answered:,} known>"


def plan(
    context: LakeContext,
    ref: str,
    delivery: Delivery | None = None,
    select: Collection[str] | None = None,
) -> Plan:
    """Return what loading a delivery and running the models after it would do.

    Files are read to identify their content; no record of them is looked at.

    Args:
        context: the lake.
        ref: where it would begin.
        delivery: the files; see `lagoa.ingest.delivery`.
        select: names of tables or layers; the models they need run too. All models by default.

    Raises:
        SourceError: a file cannot be read.
        ModelError, ContractError, CheckError: a model, contract or check file that cannot be used.
        RefNotFound: there is no such ref.
    """
    commit = context.resolve(ref).id
    pointers = context.catalog.tables(commit)
    files = tuple(_files(context, commit, pointers, delivery)) if delivery else ()
    loaded = {each.table for each in files if each.state == "new"}
    models = lake_models(context)
    chosen = models.select(select) if select is not None else list(models)
    runs = _models(context, pointers, models, chosen, loaded)
    changed = loaded | {each.table for each in runs}
    after = {**dict.fromkeys(changed, ""), **pointers}
    due = [check for check in expected_checks(context, after) if check.reads & changed]
    checks = Counter(check.table for check in due)
    return Plan(
        ref=ref,
        commit=commit,
        files=files,
        ignored=delivery.ignored if delivery else (),
        unmatched=delivery.unmatched if delivery else {},
        models=tuple(runs),
        up_to_date=len(chosen) - len(runs),
        checks=dict(sorted(checks.items())),
        check_files=tuple(_check_files(context, pointers, [check for check in due if isinstance(check, Soda)])),
    )


def plan_publication(
    context: LakeContext, branch: str, head: str, net: Mapping[TableName, str | None]
) -> PublicationPlan:
    """Return what publishing a branch would do.

    Args:
        context: the lake.
        branch: the branch.
        head: id of its commit.
        net: the new pointer of each table that would change on main; None for one that is dropped.

    Raises:
        CheckError, ContractError: a check file or contract that cannot be used.
    """
    main = context.resolve(MAIN).id
    base = context.catalog.tables(main)
    after = {table: pointer for table, pointer in {**base, **net}.items() if pointer is not None}
    checks = review_checks(context, after, base, main, audit=False)
    tables = {table: (_rows(context, table, base), _rows(context, table, after)) for table in sorted(net)}
    changes = {table: (base.get(table), pointer) for table, pointer in net.items()}
    asked = consent_to(context, branch, head, demands(context, changes, checks.loosened))
    return PublicationPlan(branch, tables, len(checks.results), checks.unknown, asked)


def _check_files(context: LakeContext, pointers: Pointers, checks: Sequence[Soda]) -> Iterator[PlannedCheckFile]:
    """Yield on what the files of some checks run, by the sizes that their tables have now."""
    settings = context.settings
    if settings.engine == "duckdb":
        return
    for table, check in {check.table: check for check in checks}.items():
        tables = {each: pointers[each] for each in check.opened if each in pointers}
        size = sum(bytes_of(context, pointer) for pointer in tables.values())
        engine = engine_of_check(context, size)
        if engine is not None:
            place = place_of(context, check.file, engine, context.contracts, tables)
            yield PlannedCheckFile(table, place.shown, place.reasons, size)
        elif context.open_model_engine is None:
            yield PlannedCheckFile(table, "duckdb", ("only a lake on Nessie has another engine",), size)
        else:
            yield PlannedCheckFile(table, "duckdb", (f"no more than {settings.engine_limit_gb:g} GB",), size)


def _rows(context: LakeContext, table: TableName, pointers: Pointers) -> int | None:
    return state_at(context, table, pointers[table]).rows if table in pointers else None


def _files(context: LakeContext, commit: str, pointers: Pointers, delivery: Delivery) -> Iterator[PlannedFile]:
    main = context.catalog.ref(MAIN).commit
    for table, paths in sorted(delivery.files.items()):
        source = context.contracts[table].source
        members = [source.member] if source and source.member else []
        facts = context.metadata.facts(pointers[table]).properties if table in pointers else {}
        batches = context.batches.of(facts)
        held = {each for where in {commit, main} for each in held_batches(context.catalog, where, table).values()}
        seen: set[str] = set()
        for path in paths:
            batch = batch_of(SourceFile(path, members))
            state: FileState = "new"
            if batch.id in seen:
                state = "same as another"
            elif batches.get(batch.id) is not None:
                state = "loaded before"
            elif batch.fingerprint in held:
                state = "held"
            seen.add(batch.id)
            yield PlannedFile(table, shown(path.name), batch.id, path.stat().st_size, state)


def _models(
    context: LakeContext, pointers: Pointers, models: Models, chosen: Sequence[TableName], loaded: Collection[TableName]
) -> list[PlannedModel]:
    """Return the chosen models that would run, given which tables get rows before."""
    runs: dict[TableName, PlannedModel] = {}
    for table in chosen:
        model = models[table]
        reasons = [f"{name} gets new rows" for name in model.inputs if name in loaded]
        reasons += [
            f"{name} is built again" if name in pointers else f"{name} is built"
            for name in model.inputs
            if name in runs
        ]
        how = context.contracts[table].materialization or "full"
        if table not in pointers:
            reasons, how = ["it is not there yet"], "full" if how == "incremental" else how
        elif is_stale(context, model, pointers):
            own, whole = _reasons(context, model, pointers)
            reasons = own + reasons
            how = "full" if how == "incremental" and whole else how
        if reasons:
            on = engine_of(context, model, pointers), input_bytes(context, model, pointers)
            runs[table] = PlannedModel(table, tuple(reasons), how, _rows(context, table, pointers), *on)
    return list(runs.values())


def _reasons(context: LakeContext, model: Model, pointers: Pointers) -> tuple[list[str], bool]:
    """Return why a model's table is stale, and whether an incremental one is built in full for that."""
    pointer = pointers[model.table]
    then = built_from(context, model, pointer)
    if not isinstance(then, str):
        changed = [name for name in model.inputs if not context.metadata.same_rows(pointers.get(name), then[name])]
        return [f"{name} has changed" if name in pointers else f"{name} is missing" for name in changed], False
    if then == WRITTEN_BY_OTHERS:
        return [then], True
    contract = context.contracts[model.table]
    changed_contract = context.metadata.facts(pointer).properties.get(CONTRACT) != contract.hash
    written = "SQL" if model.function is None else "Python"
    return ["its contract has changed" if changed_contract else f"its {written} has changed"], True
