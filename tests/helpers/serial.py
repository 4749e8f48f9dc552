"""Several writers on one lake, beside a plain Python model of one of them after the other.

Each writer has a branch, on which it appends, merges, deletes and runs a model. The model of a publication is: what the
writer did since it last stood on main is done again on main as it is now.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import lagoa
from lagoa.domain import faults
from lagoa.domain.refs import MAIN
from lagoa.errors import BatchChanged, LagoaError, NothingToPublish, PublishConflict
from lagoa.publish.replay import REBASED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

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
        sums: the rows of the model when it ran last; None if it never did.
    """

    log: tuple[Row, ...] = ()
    batches: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    state: dict[int, tuple[str, int]] = field(default_factory=dict)
    sums: frozenset[tuple[str, int, int]] | None = None

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


@dataclass(frozen=True)
class Move:
    """A state of main.

    Attributes:
        commit: its commit.
        content: what it holds.
        target: number of the state that a rollback went back to.
        done: what a publication did.
        undone: numbers of the publications that are undone in it.
        undoes: number of the publication that this one undid.
    """

    commit: str
    content: Content
    target: int | None = None
    done: tuple[tuple[str, Any, Any], ...] = ()
    undone: frozenset[int] = frozenset()
    undoes: int | None = None


class Writers:
    """A lake with some writers, each step of which is compared with the model.

    Attributes:
        lake: the lake.
        moves: every state of main, oldest first.
        writers: by the name of the branch.
    """

    lake: Lake
    moves: list[Move]
    writers: dict[str, Writer]

    def make(self, folder: LakeFolder) -> None:
        """Make a lake with a main that has some rows."""
        folder.contract(LOG, "id:long! v:string! t:int!")
        folder.contract(STATE, "id:long* v:string! t:int!", orderBy="t")
        folder.contract(SUMS, "v:string! n:long! t:long!", materialization="full")
        folder.model(SUMS, _SUMS)
        self.lake = folder.open()
        self.moves = [Move(self.lake.resolve(MAIN).id, Content())]
        self.writers = {}
        self.begin_anew("first")
        self.do("first", "append", ((1, "a", 1),), "first")
        self.do("first", "merge", ((1, "a", 1),))
        self.bring_to_main("first")

    @property
    def now(self) -> Content:
        """What main holds."""
        return self.moves[-1].content

    def begin_anew(self, name: str) -> None:
        """Begin a branch, or begin it anew."""
        if name in self.writers:
            self.lake.delete_ref(name)
        self.lake.create_branch(name)
        at = len(self.moves) - 1
        self.writers[name] = Writer(at, at, self.now)

    def end(self, name: str) -> None:
        """Delete a branch."""
        self.lake.delete_ref(name)
        del self.writers[name]

    def do(self, name: str, what: str, given: Any, batch: str | None = None) -> None:
        """Do a write on a branch and in the model, where a write that changes nothing is none."""
        writer, branch = self.writers[name], self.lake.branch(name)
        try:
            after = getattr(writer.view, what)(given, batch)
        except BatchChanged:
            after = None
        try:
            ran = write(branch, what, given, batch)
        except BatchChanged:
            assert after is None
            return
        assert after is not None
        if ran or after != writer.view or (what == "merge" and writer.view.winners(given)):
            writer.done.append((what, given, batch))
        writer.view = after
        self.compare(name, after)

    def put_on_main(self, name: str) -> type[LagoaError] | None:
        """Rebase a branch; return the error."""
        writer, expected, after = self._expected(name)
        try:
            result = self.lake.branch(name).rebase()
        except LagoaError as error:
            assert isinstance(error, expected or ()), error  # noqa: PT017 - which error is told by the model
            return type(error)
        assert expected is None
        if result.commit is not None:
            self._stands(writer, after)
        self.compare(name, writer.view)
        return None

    def bring_to_main(self, name: str) -> type[LagoaError] | None:
        """Publish a branch; return the error."""
        writer, expected, after = self._expected(name)
        before, done = self.lake.resolve(name).id, self._effective(writer) if expected is None else []
        try:
            publication = self.lake.branch(name).publish()
        except NothingToPublish:
            assert expected is None
            assert _of(after) == _of(self.now)
            self._follow(name, writer, after, before)
            return NothingToPublish
        except LagoaError as error:
            assert isinstance(error, expected or ()), error  # noqa: PT017 - which error is told by the model
            return type(error)
        assert expected is None
        self._follow(name, writer, after, before)
        self._published(writer, after, done)
        assert publication.commit == self.moves[-1].commit
        return None

    def die_publishing(self, name: str, step: str, process: Callable[..., Any]) -> bool:
        """Let a process publish a branch and die at a fault point; return whether it died.

        Whatever it has done is all of a step, or nothing.
        """
        writer, expected, after = self._expected(name)
        before, done = self.lake.resolve(name).id, self._effective(writer) if expected is None else []
        settings = self.lake.settings
        dying = process(target=_die_publishing, args=(str(settings.root), settings.profile, name, step))
        dying.start()
        dying.join(600)
        assert dying.exitcode in {0, _REFUSED, -signal.SIGKILL}, dying.exitcode
        if expected is not None:
            assert self.lake.resolve(name).id == before
            assert self.lake.resolve(MAIN).id == self.moves[-1].commit
            return dying.exitcode == -signal.SIGKILL
        self._follow(name, writer, after, before)
        if self.lake.resolve(MAIN).id != self.moves[-1].commit:
            self._published(writer, after, done)
        self.compare(MAIN, self.now)
        return dying.exitcode == -signal.SIGKILL

    def go_back(self, at: int) -> None:
        """Let main go back to its state of this number."""
        move = self.moves[at]
        try:
            self.lake.rollback(f"{MAIN}@{move.commit}")
        except NothingToPublish:
            assert _of(move.content) == _of(self.now)
            return
        self._moved(Move("", move.content, at, undone=move.undone))

    def undo(self, at: int) -> type[LagoaError] | None:
        """Undo the publication of this number, after which main was not rolled back; return the error."""
        assert all(each.target is None for each in self.moves[at:])
        undone = self._undone_since(at)
        first = min(undone)
        after = self.moves[first - 1].content
        built = after.sums is not None and any(
            what == "transform" for number in undone for what, *_ in self.moves[number].done
        )
        for number, move in enumerate(self.moves[first:], first):
            if number not in undone:
                for what, given, batch in move.done:
                    after = getattr(after, what)(given, batch)
                    built = built or what == "transform"
        if built:
            after = after.transform()
        try:
            self.lake.revert(self.moves[at].commit)
        except NothingToPublish:
            assert at in self.moves[-1].undone or _of(after) == _of(self.now)
            return NothingToPublish
        self._moved(Move("", after, undone=self.moves[-1].undone | {at}, undoes=at))
        return None

    def _undone_since(self, at: int) -> set[int]:
        """Return the number of a publication, and of those that are done again without it but were undone since."""
        found, more = {at}, {at}
        while more:
            more = {each.undoes for each in self.moves[min(found) :] if each.undoes is not None} - found
            found |= more
        return found

    def examine(self) -> None:
        """Compare every state of main, whose history is one line; close the lake."""
        for move in self.moves[1:]:
            self.compare(f"{MAIN}@{move.commit}", move.content)
        log = [commit.id for commit in self.lake.context.catalog.log(self.moves[-1].commit)]
        assert log == [move.commit for move in reversed(self.moves)]
        self.lake.close()

    def compare(self, ref: str, content: Content, leave_out: Collection[str] = ()) -> None:
        """Compare the rows of the tables at a ref, but those of some layers."""
        tables = {str(table) for table in self.lake.context.pointers(ref, leave_out and ())}

        def rows(table: str) -> list[Any]:
            return self.lake.sql(f"select * from {table} order by all", ref).fetchall() if table in tables else []

        assert "bronze" in leave_out or rows(LOG) == sorted(content.log)
        assert rows(STATE) == sorted((key, *row) for key, row in content.state.items())
        assert rows(SUMS) == sorted(content.sums or ())

    def _expected(self, name: str) -> tuple[Writer, type[LagoaError] | None, Content]:
        """Return a writer, and the error that ends a publication or rebase, or what the branch then brings to main.

        Its model runs before where the branch has run it: one that is older than the branch's own writes is refused.
        """
        writer = self.writers[name]
        if any(what == "transform" for what, *_ in writer.done):
            self.do(name, "transform", None)
        after = self.now
        if self._undone(writer, len(self.moves) - 1):
            return writer, PublishConflict, after
        try:
            for what, given, batch in writer.done:
                after = getattr(after, what)(given, batch)
        except BatchChanged:
            return writer, BatchChanged, after
        if any(what == "transform" for what, *_ in writer.done):
            after = after.transform()
        return writer, None, after

    def _effective(self, writer: Writer) -> list[tuple[str, Any, Any]]:
        """Return what changes something when a rebase does it again on main: the rest is done with."""
        after, left = self.now, []
        for what, given, batch in writer.done:
            before, after = after, getattr(after, what)(given, batch)
            if after != before or what == "transform" or (what == "merge" and before.winners(given)):
                left.append((what, given, batch))
        return left

    def _undone(self, writer: Writer, start: int) -> bool:
        """Return whether a rollback undid what a branch stands on; what was before it came to main does not matter."""
        for at in range(start, max(writer.created, writer.merged), -1):
            target = self.moves[at].target
            if target is not None:
                return writer.merged > target or self._undone(writer, target)
        return False

    def _follow(self, name: str, writer: Writer, after: Content, before: str) -> None:
        """Note that a publication has put the branch on main, if it has."""
        commit = self.lake.resolve(name)
        if commit.id != before:
            assert commit.properties[REBASED] == self.moves[-1].commit
            self._stands(writer, after)

    def _stands(self, writer: Writer, after: Content) -> None:
        """Note that a branch stands on main as it is now."""
        writer.done = self._effective(writer)
        writer.created = writer.merged = len(self.moves) - 1
        writer.view = after

    def _published(self, writer: Writer, after: Content, done: list[tuple[str, Any, Any]]) -> None:
        self._moved(Move("", after, done=tuple(done), undone=self.moves[-1].undone))
        writer.merged = len(self.moves) - 1
        writer.done.clear()

    def _moved(self, move: Move) -> None:
        self.moves.append(replace(move, commit=self.lake.resolve(MAIN).id))
        self.compare(MAIN, move.content)


class Serial(RuleBasedStateMachine, Writers):
    """Writers that begin, write, rebase, publish, and a main that is rolled back, in any order."""

    def folder(self) -> LakeFolder:
        """Return a new folder of a lake; subclasses say where, and on which catalog."""
        raise NotImplementedError

    @initialize()
    def start(self) -> None:
        """Make the lake, and branches."""
        self.make(self.folder())
        self.batch = 0
        for name in WRITERS:
            self.begin_anew(name)

    @rule(name=_WRITER)
    def begin(self, name: str) -> None:
        """Begin a branch anew."""
        self.begin_anew(name)

    @rule(name=_WRITER, rows=_ROWS)
    def append(self, name: str, rows: list[Row]) -> None:
        """Append rows without a batch."""
        self.do(name, "append", tuple(rows))

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
        self.do(name, "append", content, batch)

    @rule(name=_WRITER, rows=_ROWS)
    def merge(self, name: str, rows: list[Row]) -> None:
        """Merge rows by key."""
        self.do(name, "merge", tuple(rows))

    @rule(name=_WRITER, value=st.sampled_from("abc"))
    def delete(self, name: str, value: str) -> None:
        """Delete rows of the log."""
        self.do(name, "delete", value)

    @rule(name=_WRITER, least=st.integers(0, 9))
    def forget(self, name: str, least: int) -> None:
        """Delete rows of the state."""
        self.do(name, "forget", least)

    @rule(name=_WRITER)
    def transform(self, name: str) -> None:
        """Run the model."""
        self.do(name, "transform", None)

    @precondition(lambda self: len(self.moves) > 2)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Let main go back."""
        self.go_back(data.draw(st.integers(1, len(self.moves) - 1)))

    @precondition(lambda self: self.moves[-1].done)
    @rule()
    def revert(self) -> None:
        """Undo the newest publication that no rollback follows, or one before it."""
        last = max((at for at, move in enumerate(self.moves) if move.target is not None), default=0)
        candidates = [at for at, move in enumerate(self.moves) if at > last + 1 and move.done]
        if candidates:
            self.undo(candidates[len(candidates) // 2])

    @rule(name=_WRITER)
    def rebase(self, name: str) -> None:
        """Put a branch on main."""
        if self.put_on_main(name) is not None:
            self.begin_anew(name)

    @rule(name=_WRITER)
    def publish(self, name: str) -> None:
        """Publish a branch."""
        if self.bring_to_main(name) not in {None, NothingToPublish}:
            self.begin_anew(name)

    def teardown(self) -> None:
        """Compare all that was."""
        if hasattr(self, "lake"):
            self.examine()


_REFUSED = 3
"""What a process exits with whose publication is refused."""


def _die_publishing(root: str, profile: str | None, branch: str, step: str) -> None:
    """Be a process that publishes, and is killed at a fault point."""
    faults.set_hook(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == step else None)
    with lagoa.open_lake(root, profile) as lake:
        try:
            lake.branch(branch).publish()
        except LagoaError:
            sys.exit(_REFUSED)


def _of(content: Content) -> tuple[Any, ...]:
    return content.log, content.state, content.sums


def write(branch: Branch, what: str, given: Any, batch: str | None) -> bool:
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
