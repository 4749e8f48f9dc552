"""A random history of a whole lake, step by step beside an oracle; some steps die before they are repeated."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from history_oracle import ACCOUNTS, CUSTOMERS, INPUTS, LARGE, ORDERS, REFUSED, TOTALS, Oracle, State, Step
from lakes import LakeFolder

import lagoa
from lagoa.bootstrap import examine_lake
from lagoa.domain import faults
from lagoa.domain.refs import MAIN
from lagoa.domain.selection import Selection
from lagoa.errors import BatchHeld, LagoaError, PublishConflict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lagoa.lake import Lake

BY_BATCH = {"materialization": "incremental", "incremental": {"by": "batch", "input": ORDERS}}
FULL = {"materialization": "full"}
MODELS: dict[str, tuple[str, dict[str, Any], str]] = {
    TOTALS: (
        "v:string n:long t:long",
        FULL,
        f"select v, count(*) as n, cast(sum(t) as bigint) as t from {ACCOUNTS} group by v",
    ),
    CUSTOMERS: (
        "customer:string n:long accounts:long",
        FULL,
        f"""select o.customer, o.n, t.n as accounts
        from (select customer, count(*) as n from {ORDERS} group by customer) as o
        left join {TOTALS} as t on t.v = o.customer""",
    ),
    LARGE: ("order_id:long amount:int", BY_BATCH, f"select order_id, amount from {ORDERS} where amount > 50"),
}
"""Columns, materialization and SELECT of each model."""

BRANCHES = ("one", "two", "three")
STEPS = {
    "ingest": 18, "merge": 18, "delete": 3, "forget": 4, "rewrite": 2, "retry": 3, "fix": 4, "discard": 3, "evolve": 3,
    "restore": 2, "transform": 13, "publish": 16, "roll back": 3, "begin anew": 6, "redeclare": 2,
}  # fmt: skip
"""How often each is taken, of a hundred."""

DEATHS = 0.06
"""Share of the steps that die before they are repeated, of those that may."""

BEGUN_ANEW = 0.8
"""Share of the branches that are begun anew when they cannot be published any more."""

DEADLY = {"publish": "publish", "roll back": "publish"} | dict.fromkeys(
    ("ingest", "merge", "delete", "transform"), "write"
)
"""Steps that may die, with the first part of the names of their fault points."""

REFUSED_STEP = 3
"""What a process exits with whose step is refused."""

LANDED = {"write.committed", "publish.swapped", "publish.cleaned"}
"""Fault points behind which the state has moved."""


def perform(lake: Lake, step: Step) -> Any:  # noqa: C901, PLR0911 - one a step
    """Do a step, in whatever process."""
    branch, given = lake.branch(step.branch), step.given
    match step.what:
        case "ingest":
            return branch.ingest(lake.settings.root / "deliveries" / given[0], ORDERS, batch=given[1])
        case "merge":
            return branch.merge(ACCOUNTS, _arrow(*given[:2]), batch=given[2])
        case "delete":
            return branch.delete(ORDERS, f"amount between {given[0]} and {given[1]}")
        case "forget":
            return branch.delete(ACCOUNTS, f"k % 7 = {given} or t < 0")
        case "rewrite":
            return branch.replace(ORDERS, f"select * from {ORDERS} order by order_id")
        case "retry":
            return branch.retry_quarantine(ORDERS)
        case "fix":
            return branch.fix_quarantine(ORDERS, {"amount": given[0]}, Selection(where=f"customer = '{given[1]}'"))
        case "discard":
            return branch.discard_quarantine(ORDERS, "a test", Selection(where=f"customer = '{given}'"))
        case "evolve":
            return branch.evolve()
        case "restore":
            return branch.restore([ORDERS], f"{MAIN}@{given}")
        case "transform":
            return branch.transform()
        case "publish":
            return branch.publish(rebase=False)
    return lake.rollback(given[0], hold=given[1])


def die_at(last: str, root: str, step: Step) -> None:
    """Be a process that takes a step, and is killed at a fault point."""
    faults.set_hook(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == last else None)
    with lagoa.open_lake(root) as lake:
        try:
            perform(lake, step)
        except LagoaError:
            sys.exit(REFUSED_STEP)


def _arrow(rows: list[tuple[int, str, int]], extra: str | None) -> pa.Table:
    keys, values, moments = zip(*rows, strict=True)
    found = {"k": pa.array(keys, pa.int64()), "v": pa.array(values), "t": pa.array(moments, pa.int32())}
    return pa.table(found | ({extra: pa.array([key * 10 for key in keys], pa.int64())} if extra else {}))


class History:
    """A lake, and what it must hold after what has been done in it.

    Args:
        root: the folder of the lake, which is made.
        seed: of the steps.
        process: makes a process, as `multiprocessing.Process`.
    """

    def __init__(self, root: Path, seed: int, process: Callable[..., Any]) -> None:
        self.random = random.Random(seed)  # noqa: S311 - it is to be repeated
        self.folder = LakeFolder(root, memory_limit="500MB", author="ana", workers=1)
        self.process = process
        self.taken: Counter[str] = Counter()
        for model, (columns, custom, sql) in MODELS.items():
            self.folder.contract(model, columns, **custom)
            self.folder.model(model, sql)
        self.lake = self.folder.open()
        self.oracle = Oracle(self.lake.resolve(MAIN).id)
        self.declare()
        self.begin_anew("one")
        self.file([(1, "a", "1"), (2, "b", "x")])
        for what, given in (
            ("ingest", ("0.csv", "first")), ("merge", ([(1, "a", 1)], None, None)), ("transform", None),
            ("publish", None),
        ):  # fmt: skip
            self.take(Step(what, "one", given))
        for name in BRANCHES[1:]:
            self.begin_anew(name)

    def declare(self) -> None:
        """Write the contracts that change."""
        amount = {"physicalType": "int", "logicalTypeOptions": {"maximum": self.oracle.limit}}
        columns = {"order_id": "long!", "customer": "string", "amount": amount}
        self.folder.contract(ORDERS, columns, source={"format": "csv"}, quarantineShare=1)
        moment = {"physicalType": "int", "logicalTypeOptions": {"minimum": 0}}
        accounts: dict[str, Any] = {"k": "long*", "v": "string", "t": moment}
        if self.oracle.extra:
            former = {"more": "extra", "extra": "more"}[self.oracle.extra]
            accounts[self.oracle.extra] = {"physicalType": "long", "lagoa.formerName": former}
        self.folder.contract(ACCOUNTS, accounts, orderBy="t")

    def redeclare(self) -> None:
        """Change a contract: a column comes, is renamed or goes, or more or less is allowed."""
        oracle = self.oracle
        if self.random.random() < 0.3:
            oracle.limit = {100: 120, 120: 100}[oracle.limit]
        else:
            oracle.extra = self.random.choice([each for each in (None, "extra", "more") if each != oracle.extra])
        self.declare()
        self.lake.close()
        self.lake = self.folder.open()

    def begin_anew(self, name: str) -> None:
        """Discard a branch, and make it again from `main`."""
        if name in self.oracle.branches:
            self.lake.delete_ref(name)
        self.lake.create_branch(name)
        self.oracle.begin(name)

    def file(self, records: list[tuple[int, str, str]]) -> str:
        """Deliver a file; return its name."""
        name = f"{len(self.oracle.files)}.csv"
        lines = ["order_id,customer,amount", *(",".join(map(str, record)) for record in records), ""]
        self.folder.file(f"deliveries/{name}", "\n".join(lines))
        self.oracle.files[name] = tuple(records)
        return name

    def step(self) -> None:
        """Take a random step."""
        (what,) = self.random.choices(list(STEPS), list(STEPS.values()))
        name = self.random.choice(BRANCHES)
        if what == "redeclare":
            self.redeclare()
        elif what == "begin anew":
            self.begin_anew(name)
        else:
            step = Step(what, name, self._given(what))
            if what in DEADLY and self.random.random() < DEATHS:
                steps = [each for each in faults.STEPS if each.startswith(DEADLY[what])]
                self.die(step, self.random.choice(steps))
            stuck = self.take(step) in (PublishConflict, BatchHeld) and what == "publish"
            if stuck and self.random.random() < BEGUN_ANEW:
                self.begin_anew(name)
        self.taken[what] += 1

    def _given(self, what: str) -> Any:
        """Return with what a step is taken."""
        draw = self.random
        commits = [each.commit for each in self.oracle.moves[1:]]
        return {
            "ingest": self._delivery,
            "merge": self._rows,
            "delete": lambda: (low := draw.randrange(140), low + draw.randrange(60)),
            "forget": lambda: draw.randrange(7),
            "fix": lambda: (draw.choice(["7", "60", "x"]), draw.choice("abcde")),
            "discard": lambda: draw.choice("abcde"),
            "restore": lambda: draw.choice(commits),
            "roll back": lambda: (draw.choice(commits[-12:]), draw.random() < 0.6),
        }.get(what, lambda: None)()

    def _delivery(self) -> tuple[str, str]:
        """Return a file, mostly a new one, and the id of its batch, which another may have had."""
        draw = self.random
        if draw.random() < 0.3:
            name = draw.choice(list(self.oracle.files))
        else:
            bad = draw.choice([[], ["x", "110", "", "-1.5"]])
            name = self.file([
                (draw.randrange(100), draw.choice("abcde"), draw.choice([str(draw.randrange(130)), *bad]))
                for _ in range(draw.randint(1, 6))
            ])  # fmt: skip
        return name, draw.choice([f"of {name}", f"of {name}", f"batch {draw.randrange(60)}"])

    def _rows(self) -> tuple[list[tuple[int, str, int]], str | None, str | None]:
        """Return rows of accounts, the further column that they have, and the id of their batch."""
        draw = self.random
        low = -1 if draw.random() < 0.03 else 0
        keys = draw.sample(range(40), draw.randint(1, 6))
        rows = [(key, draw.choice("abcde"), draw.randint(low, 30)) for key in keys]
        return rows, self.oracle.extra, draw.choice([None, f"batch {draw.randrange(200)}"])

    def take(self, step: Step) -> type[LagoaError] | None:
        """Take a step and return its error: that, and what the lake holds then, are those of the oracle."""
        expected = self.oracle.outcome(step)
        try:
            result, found = perform(self.lake, step), None
        except LagoaError as error:
            result, found = error, type(error)
        assert found is expected, f"{step} of {self.oracle.main.commit}: {result!r} instead of {expected}"
        self.taken[found.__name__ if found else "done"] += 1
        self._follow(step, moved=found is None, batch=getattr(result, "batch", None))
        return found

    def die(self, step: Step, last: str) -> None:
        """Let a process take a step and die at a fault point: the lake has all of the step, or nothing."""
        expected = self.oracle.outcome(step)
        process = self.process(target=die_at, args=(last, str(self.folder.root), step))
        process.start()
        process.join(120)
        killed = process.exitcode == -signal.SIGKILL
        assert killed or process.exitcode == (REFUSED_STEP if expected else 0), (step, last)
        self.taken["killed"] += killed
        self._follow(step, moved=last in LANDED if killed else not expected, killed=killed)

    def _follow(self, step: Step, *, moved: bool, batch: str | None = None, killed: bool = False) -> None:
        """Let the oracle follow a step, and compare the lake with it."""
        if step.what in ("publish", "roll back"):
            head = self.lake.resolve(MAIN).id
            assert (head != self.oracle.main.commit) is moved, step
            if moved and step.what == "publish":
                self.oracle.publish(step.branch, head)
            elif moved:
                self.oracle.roll_back(step, head)
            if moved:
                self.compare(MAIN, self.oracle.main.state)
            return
        work = self.oracle.branches[step.branch]
        found = {str(table): pointer for table, pointer in self.lake.tables(step.branch).items()}
        if step.what == "transform":
            after = self._built(step, found, killed=killed)
        else:
            after = self.oracle.after(step, batch) if moved else work.state
        for name, table in after.items():
            if table is work.state[name]:
                assert found.get(name, "") == table.pointer, f"{step} changed {name}"
        work.state = {name: table._replace(pointer=found.get(name, "")) for name, table in after.items()}
        self.compare(step.branch, work.state)

    def _built(self, step: Step, found: dict[str, str], *, killed: bool) -> State:
        """Return a branch after its models ran: stale ones are built, all of them unless the process was killed."""
        state = dict(self.oracle.branches[step.branch].state)
        for model, inputs in INPUTS.items():
            now = {name: state[name].pointer for name in inputs}
            stale = state[model].inputs != now
            if killed and found.get(model, "") == state[model].pointer:
                continue
            if stale:
                assert found[model] != state[model].pointer, f"{model} was not built"
                state[model] = self.oracle.built(model, state)._replace(pointer=found[model])
        return state

    def compare(self, ref: str, state: State) -> None:
        """Compare the rows of every table at a ref with a state."""
        found = {str(table): pointer for table, pointer in self.lake.tables(ref).items()}
        assert found == {name: table.pointer for name, table in state.items() if table.pointer}, ref
        for name in found:
            wanted = state[name].rows
            if name == REFUSED:
                wanted = {key: each.fate for key, each in wanted.items()}
            rows = self._content(ref, name, state[name].columns)
            assert rows == wanted, f"{name} at {ref}: {rows} instead of {wanted}"

    def _content(self, ref: str, name: str, columns: frozenset[str]) -> Any:
        def read(sql: str) -> list[Any]:
            return self.lake.sql(f"select {sql} from {name}", ref).fetchall()

        if name == ORDERS:
            return Counter(read("order_id, customer, amount, _batch_id, _row"))
        if name == ACCOUNTS:
            return {row[0]: row[1:] for row in read(f"k, v, t, {next(iter(columns), 'null')}")}
        if name == REFUSED:
            return {tuple(key): fate for *key, fate in read("_batch_id, record, coalesce(fate, 'waiting')")}
        return Counter(read("*"))

    def examine(self) -> None:
        """Compare all states of `main` that there were, and its journal; nothing that steps left behind is there."""
        moves = self.oracle.moves
        for move in moves[1:]:
            self.compare(f"{MAIN}@{move.commit}", move.state)
        published = self.lake.publications(len(moves))
        assert [each.commit for each in reversed(published)] == [move.commit for move in moves[1:]]
        for each in published:
            assert self.lake.resolve(f"{MAIN}*{each.published_at.isoformat()}").id == each.commit
        catalog = self.lake.catalog(MAIN)
        for name in INPUTS:
            rows = catalog.load_table(name).scan().to_arrow().to_pylist()
            assert Counter(tuple(row.values()) for row in rows) == self.oracle.main.state[name].rows, name
        findings = examine_lake(self.lake.settings)
        assert findings == []
