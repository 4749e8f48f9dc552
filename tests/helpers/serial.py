"""Several writers on one lake, beside a plain Python model of one of them after the other.

Each writer has a branch, on which it appends, merges, deletes and runs a model. The model of a publication is: what the
writer did since it last stood on main is done again on main as it is now.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from lagoa.domain.refs import MAIN
from lagoa.errors import BatchChanged, LagoaError, NothingToPublish, PublishConflict
from lagoa.publish.replay import REBASED

if TYPE_CHECKING:
    from lakes import LakeFolder

    from lagoa.branch import Branch
    from lagoa.lake import Lake

LOG, STATE, SUMS = "bronze.log", "silver.state", "gold.sums"
WRITERS = ("one", "two", "three")

_SUMS = f"""SELECT v, cast(sum(n) as bigint) AS n, cast(sum(t) as bigint) AS t FROM (
    SELECT v, 1 AS n, 0 AS t FROM {LOG} UNION ALL SELECT v, 0 AS n, t FROM {STATE}) GROUP BY v
"""

Row = tuple[int, str, int]
_ROWS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=4)
_WRITER = st.sampled_from(WRITERS)


@dataclass(frozen=True)
class Content:
    """What the tables hold.

    Attributes:
        log: the rows that were appended, in no order.
        batches: rows by the id of the batch that brought them.
        state: by key, value and time.
        sums: the rows of the model when it ran last.
    """

    log: tuple[Row, ...] = ()
    batches: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    state: dict[int, tuple[str, int]] = field(default_factory=dict)
    sums: frozenset[tuple[str, int, int]] = frozenset()

    def append(self, rows: tuple[Row, ...], batch: str | None) -> Content:
        """Add rows, unless the batch is there."""
        if batch is None:
            return replace(self, log=tuple(sorted((*self.log, *rows))))
        if batch in self.batches:
            if self.batches[batch] != rows:
                raise BatchChanged(LOG, batch, "", "")  # type: ignore[arg-type]
            return self
        return replace(self, log=tuple(sorted((*self.log, *rows))), batches={**self.batches, batch: rows})

    def merge(self, rows: tuple[Row, ...], _: object = None) -> Content:
        """Update and add rows by key, where they are not older."""
        return replace(self, state=self.state | self.winners(rows))

    def winners(self, rows: tuple[Row, ...]) -> dict[int, tuple[str, int]]:
        """Return the rows of a merge that are not older than those that are there."""
        latest: dict[int, tuple[int, str]] = {}
        for key, value, moment in rows:
            latest[key] = max(latest.get(key, (moment, value)), (moment, value))
        new = {key: (value, moment) for key, (moment, value) in latest.items()}
        return {k: row for k, row in new.items() if k not in self.state or self.state[k][1] <= row[1]}

    def delete(self, value: str, _: object = None) -> Content:
        """Remove rows with a value from the log."""
        return replace(self, log=tuple(row for row in self.log if row[1] != value))

    def forget(self, least: int, _: object = None) -> Content:
        """Remove old rows from the state."""
        return replace(self, state={key: row for key, row in self.state.items() if row[1] >= least})

    def transform(self, *_: object) -> Content:
        """Run the model."""
        values = {value for _, value, _ in self.log} | {value for value, _ in self.state.values()}
        sums = {
            (v, sum(value == v for _, value, _ in self.log), sum(t for value, t in self.state.values() if value == v))
            for v in values
        }
        return replace(self, sums=frozenset(sums))


@dataclass
class Writer:
    """A branch.

    Attributes:
        created: number of the state of main that it stands on.
        merged: number of the publication that brought it to main last; else the same.
        view: what it holds.
        done: what was done since, as name of the method and arguments.
    """

    created: int
    merged: int
    view: Content
    done: list[tuple[str, Any, Any]] = field(default_factory=list)


class Serial(RuleBasedStateMachine):
    """Writers that begin, write, rebase, publish, and a main that is rolled back.

    Attributes:
        catalog_of: makes the folder of a lake; of the subclass.
    """

    def folder(self) -> LakeFolder:
        """Return a new folder of a lake; subclasses say where, and on which catalog."""
        raise NotImplementedError

    @initialize()
    def start(self) -> None:
        """Make a lake with a main that has some rows."""
        folder = self.folder()
        folder.contract(LOG, "id:long! v:string! t:int!")
        folder.contract(STATE, "id:long* v:string! t:int!", orderBy="t")
        folder.contract(SUMS, "v:string! n:long! t:long!", materialization="full")
        folder.model(SUMS, _SUMS)
        self.lake: Lake = folder.open()
        self.commits = [self.lake.resolve(MAIN).id]
        self.moves = [Content()]
        self.targets: list[int | None] = [None]
        self.writers: dict[str, Writer] = {}
        self.batch = 0
        self.begin("one")
        self._do("one", "append", ((1, "a", 1),), "first")
        self._do("one", "merge", ((1, "a", 1),), None)
        self.publish("one")
        for name in WRITERS:
            self.begin(name)

    @rule(name=_WRITER)
    def begin(self, name: str) -> None:
        """Begin a branch anew."""
        if name in self.writers:
            self.lake.delete_ref(name)
        self.lake.create_branch(name)
        at = len(self.moves) - 1
        self.writers[name] = Writer(at, at, self.moves[-1])

    @rule(name=_WRITER, rows=_ROWS)
    def append(self, name: str, rows: list[Row]) -> None:
        """Append rows without a batch."""
        self._do(name, "append", tuple(rows), None)

    @rule(name=_WRITER, rows=_ROWS, old=st.booleans(), data=st.data())
    def load(self, name: str, rows: list[Row], old: bool, data: st.DataObject) -> None:
        """Load a batch: a new one, one that somebody loaded, or another one under its id."""
        known = {k: v for each in self.writers.values() for k, v in each.view.batches.items()}
        if old and known:
            batch = data.draw(st.sampled_from(sorted(known)))
            content = data.draw(st.sampled_from([known[batch], known[batch], tuple(sorted(rows))]))
        else:
            self.batch += 1
            batch, content = f"b{self.batch}", tuple(sorted(rows))
        self._do(name, "append", content, batch)

    @rule(name=_WRITER, rows=_ROWS)
    def merge(self, name: str, rows: list[Row]) -> None:
        """Merge rows by key."""
        self._do(name, "merge", tuple(rows), None)

    @rule(name=_WRITER, value=st.sampled_from("abc"))
    def delete(self, name: str, value: str) -> None:
        """Delete rows of the log."""
        self._do(name, "delete", value, None)

    @rule(name=_WRITER, least=st.integers(0, 9))
    def forget(self, name: str, least: int) -> None:
        """Delete rows of the state."""
        self._do(name, "forget", least, None)

    @rule(name=_WRITER)
    def transform(self, name: str) -> None:
        """Run the model."""
        self._do(name, "transform", None, None)

    @precondition(lambda self: len(self.moves) > 2)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Let main go back."""
        at = data.draw(st.integers(1, len(self.moves) - 1))
        try:
            self.lake.rollback(f"{MAIN}@{self.commits[at]}")
        except NothingToPublish:
            assert self._of(self.moves[at]) == self._of(self.moves[-1])
            return
        self._moved(self.moves[at], at)

    @rule(name=_WRITER)
    def rebase(self, name: str) -> None:
        """Put a branch on main."""
        writer = self.writers[name]
        self._build(name)
        expected, after = self._serial(writer)
        try:
            result = self.lake.branch(name).rebase()
        except LagoaError as error:
            assert isinstance(error, expected or ()), error  # noqa: PT017 - which error is told by the model
            self.begin(name)
            return
        assert expected is None
        if result.commit is not None:
            writer.done = self._effective(writer)
            writer.created = writer.merged = len(self.moves) - 1
            writer.view = after
        self.compare(name, writer.view)

    @rule(name=_WRITER)
    def publish(self, name: str) -> None:
        """Publish a branch."""
        writer = self.writers[name]
        self._build(name)
        expected, after = self._serial(writer)
        before = self.lake.resolve(name).id
        try:
            publication = self.lake.branch(name).publish()
        except NothingToPublish:
            assert expected is None
            assert self._of(after) == self._of(self.moves[-1])
            if self.lake.resolve(name).id != before:
                writer.done = self._effective(writer)
            self._put(name, writer, after, before)
            return
        except LagoaError as error:
            assert isinstance(error, expected or ()), error  # noqa: PT017 - which error is told by the model
            self.begin(name)
            return
        assert expected is None
        self._put(name, writer, after, before)
        self._moved(after, None)
        assert publication.commit == self.commits[-1]
        writer.merged = len(self.moves) - 1
        writer.done.clear()

    def teardown(self) -> None:
        """Compare every state of main, whose history is one line; close the lake."""
        if not hasattr(self, "lake"):
            return
        for commit, content in zip(self.commits[1:], self.moves[1:], strict=True):
            self.compare(f"{MAIN}@{commit}", content)
        log = [commit.id for commit in self.lake.context.catalog.log(self.commits[-1])]
        assert log == self.commits[::-1]
        self.lake.close()

    def _do(self, name: str, what: str, given: Any, batch: str | None) -> None:
        """Do a write on a branch and in the model, where a write that changes nothing is none."""
        writer, branch = self.writers[name], self.lake.branch(name)
        try:
            after = getattr(writer.view, what)(given, batch)
        except BatchChanged:
            after = None
        try:
            ran = _write(branch, what, given, batch)
        except BatchChanged:
            assert after is None
            return
        assert after is not None
        if ran or after != writer.view or (what == "merge" and writer.view.winners(given)):
            writer.done.append((what, given, batch))
        writer.view = after
        self.compare(name, after)

    def _build(self, name: str) -> None:
        """Run the model where the branch has run it: one that is older than the branch's own writes is refused."""
        if any(what == "transform" for what, *_ in self.writers[name].done):
            self._do(name, "transform", None, None)

    def _serial(self, writer: Writer) -> tuple[type[LagoaError] | None, Content]:
        """Return the error that ends a publication or rebase, or what the branch then brings to main."""
        after = self.moves[-1]
        if self._undone(writer, len(self.moves) - 1):
            return PublishConflict, after
        try:
            for what, given, batch in writer.done:
                after = getattr(after, what)(given, batch)
        except BatchChanged:
            return BatchChanged, after
        if any(what == "transform" for what, *_ in writer.done):
            after = after.transform()
        return None, after

    def _effective(self, writer: Writer) -> list[tuple[str, Any, Any]]:
        """Return what changes something when a rebase does it again on main: the rest is done with."""
        after, left = self.moves[-1], []
        for what, given, batch in writer.done:
            before, after = after, getattr(after, what)(given, batch)
            if after != before or what == "transform" or (what == "merge" and before.winners(given)):
                left.append((what, given, batch))
        return left

    def _undone(self, writer: Writer, start: int) -> bool:
        """Return whether a rollback undid what a branch stands on."""
        for at in range(start, writer.created, -1):
            target = self.targets[at]
            if target is not None:
                return writer.merged > target or self._undone(writer, target)
        return False

    def _put(self, name: str, writer: Writer, after: Content, before: str) -> None:
        """Note that a publication has put the branch on main, if it has."""
        commit = self.lake.resolve(name)
        if commit.id != before:
            assert commit.properties[REBASED] == self.commits[-1]
            writer.created = writer.merged = len(self.moves) - 1
            writer.view = after

    def _moved(self, content: Content, target: int | None) -> None:
        self.commits.append(self.lake.resolve(MAIN).id)
        self.moves.append(content)
        self.targets.append(target)
        self.compare(MAIN, content)

    def compare(self, ref: str, content: Content) -> None:
        """Compare the rows of the tables at a ref."""
        tables = {str(table) for table in self.lake.tables(ref)}

        def rows(table: str) -> list[Any]:
            return self.lake.sql(f"select * from {table} order by all", ref).fetchall() if table in tables else []

        assert rows(LOG) == sorted(content.log)
        assert rows(STATE) == sorted((key, *row) for key, row in content.state.items())
        assert rows(SUMS) == sorted(content.sums)

    @staticmethod
    def _of(content: Content) -> tuple[Any, ...]:
        return content.log, content.state, content.sums


def _write(branch: Branch, what: str, given: Any, batch: str | None) -> bool:
    """Do a write; return whether a model ran."""
    if what == "append":
        branch.append(LOG, _arrow(given), batch=batch)
    elif what == "merge":
        branch.merge(STATE, _arrow(given))
    elif what == "delete":
        branch.delete(LOG, f"v = '{given}'")
    elif what == "forget":
        branch.delete(STATE, f"t < {given}")
    else:
        return not all(result.skipped for result in branch.transform())
    return False


def _arrow(rows: tuple[Row, ...]) -> pa.Table:
    columns = zip(("id", "v", "t"), (pa.int64(), pa.string(), pa.int32()), strict=True)
    return pa.table({name: pa.array([row[at] for row in rows], kind) for at, (name, kind) in enumerate(columns)})
