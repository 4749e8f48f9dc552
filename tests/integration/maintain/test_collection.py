"""What expires, what is collected, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from aged import files_of, later, now, paths_of

from lagoa.domain import faults
from lagoa.domain.commits import Change
from lagoa.domain.owners import owned_name
from lagoa.domain.tables import TableName
from lagoa.errors import CatalogDamaged, ClockBehind, CollectionFailed, NotCollectable, StateExpired
from lagoa.lake import Lake
from lagoa.maintain.folders import GC_ENABLED
from lagoa.maintain.retention import compactions_left


@pytest.fixture
def folder(folder):
    """Return a lake that keeps states for ten days."""
    text = (folder.root / "lagoa.toml").read_text()
    folder.file("lagoa.toml", f"{text}\n[retention]\nhistory_days = 10\nrun_days = 5\ntrash_days = 3\n")
    folder.contract("bronze.log", "n:long* v:string")
    folder.contract("bronze.other", "n:long* v:string")
    return folder


def rows(*numbers):
    return pa.table({"n": list(numbers), "v": [f"v{n}" for n in numbers]})


def put(lake, *numbers):
    """Publish a table that has these rows and no others."""
    with lake.run("load") as run:
        run.replace("bronze.log", rows(*numbers))
        return run.publish().commit


def read(lake, ref="main"):
    return [n for (n,) in lake.sql("select n from bronze.log order by n", ref).fetchall()]


def collected(lake):
    """Expire, and collect as often as it takes, more than the grace period apart; return the lake then."""
    lake.expire(dry_run=False)
    for _ in range(2 if lake.context.forgets_branches else 1):
        assert lake.collect(dry_run=False).garbage == 0
        lake = later(lake, 2)
    return lake, lake.collect(dry_run=False)


def collected_again(lake):
    """Do the same without an expiry, the last time as a dry run."""
    for _ in range(2 if lake.context.forgets_branches else 1):
        assert lake.collect(dry_run=False).garbage == 0
        lake = later(lake, 2)
    return lake, lake.collect()


def test_nothing_is_collected_that_the_policy_keeps(lake):
    one, two = put(lake, 1), put(lake, 2)
    lake, done = collected(later(lake, 5))
    assert done.garbage == 0
    assert (read(lake, f"main@{one}"), read(lake, f"main@{two}")) == ([1], [2])


def test_an_old_state_expires_and_its_files_go(lake):
    one, two, three = put(lake, 1), put(lake, 2), put(lake, 3)
    before = paths_of(lake)
    lake = later(lake, 12)
    four = put(lake, 4)
    expiry = lake.expire(dry_run=False)
    assert expiry.expired == 2
    with pytest.raises(StateExpired, match=r"\[retention\]"):
        read(lake, f"main@{two}")
    found = lake.collect()
    lake, done = collected(lake)
    assert found.waiting == done.garbage > 0
    gone = before - paths_of(lake)
    assert len(gone) == done.garbage
    assert sum(each.endswith(".parquet") for each in gone) == 2
    assert read(lake, f"main@{three}") == [3]  # the state that main had ten days ago
    assert read(lake, f"main@{four}") == [4]
    assert [each.id for each in lake.log()][:4] == [four, three, two, one]


def test_what_has_just_expired_is_not_collected_yet(lake):
    put(lake, 1)
    lake = later(lake, 12)
    put(lake, 2)
    lake = later(lake, 12)
    lake.expire(dry_run=False)
    for _ in range(2):
        found = lake.collect(dry_run=False)
        assert found.garbage == 0 < found.waiting


def test_a_dry_run_changes_nothing(lake):
    put(lake, 1)
    lake = later(lake, 12)
    put(lake, 2)
    lake = later(lake, 12)
    before = paths_of(lake)
    assert lake.expire().expired == 1
    assert read(lake, "main~1") == [1]
    lake.expire(dry_run=False)
    assert lake.collect().waiting > 0  # leaves no list
    lake, done = collected_again(later(lake, 2))
    assert done.garbage > 0
    assert (paths_of(lake), lake.trash()) == (before, [])


@pytest.mark.parametrize("pin", ["tag", "branch", "hold", "work"])
def test_what_is_pinned_stays(lake, pin):
    one = put(lake, 1)
    ref = f"main@{one}"
    if pin == "tag":
        lake.create_tag("v1")
    elif pin == "branch":
        lake.create_branch("review")
    elif pin == "hold":
        lake.add_hold("audit", "asked for by the auditors", until=now() + timedelta(days=100))
    else:
        branch = lake.create_branch("work")
        branch.replace("bronze.log", rows(7))
        branch.replace("bronze.log", rows(8))
    lake = later(lake, 12)
    put(lake, 2)
    lake, done = collected(later(lake, 12))
    assert read(lake, ref) == [1]
    if pin == "work":
        assert (read(lake, "work"), read(lake, "work~1")) == ([8], [7])
        lake.branch("work").rebase(ours=["bronze.log"])
        assert read(lake, "work") == [8]
    assert done.garbage == 0


def test_a_hold_that_is_over_or_removed_pins_no_more(lake):
    one = put(lake, 1)
    lake.add_hold("audit", "asked for by the auditors", until=now() + timedelta(days=20))
    lake.add_hold("case", "a case at court")
    assert [(each.name, each.commit, each.why) for each in lake.holds()] == [
        ("audit", one, "asked for by the auditors"),
        ("case", one, "a case at court"),
    ]
    lake = later(lake, 12)
    put(lake, 2)
    lake = later(lake, 12)
    assert lake.expire(dry_run=False).refs == ("hold/audit",)
    assert read(lake, f"main@{one}") == [1]
    assert lake.remove_hold("case").commit == one
    lake, _ = collected(lake)
    with pytest.raises(StateExpired):
        read(lake, f"main@{one}")


def test_runs_and_sandboxes_whose_time_is_over_are_deleted(lake):
    put(lake, 1)
    run = lake.run("load")
    run.replace("bronze.log", rows(5))
    lake.create_sandbox("ana", lives=timedelta(days=1))
    lake.create_sandbox("bia", lives=timedelta(days=30))
    lake = later(lake, 4)
    assert lake.expire().refs == ("sandbox/ana",)
    lake = later(lake, 4)
    fresh = lake.run("load", "fresh")  # at a commit that is old
    assert set(lake.expire(dry_run=False).refs) == {"sandbox/ana", run.name}
    assert {each.name for each in lake.refs()} == {"main", "dev", "sandbox/bia", fresh.name}
    lake.collect(dry_run=False)
    lake = later(lake, 2)
    gone = lake.collect(dry_run=False)
    assert sum(each.endswith(".parquet") for each in gone.sample) == 1
    assert read(lake) == [1]


def test_a_run_that_somebody_approved_stays(lake):
    put(lake, 1)
    runs = [lake.run("load") for _ in range(2)]
    for number, run in enumerate(runs):
        run.replace("bronze.log", rows(number))
    runs[0].approve("as asked for")
    lake = later(lake, 6)
    assert lake.expire(dry_run=False).refs == (runs[1].name,)
    lake, _ = collected(lake)
    assert read(lake, runs[0].name) == [0]


def test_a_compaction_that_is_going_on_is_not_left_behind(lake):
    with owned_name() as name:
        run = lake.run("maintain", name)
        assert compactions_left(lake.context, now()) == []
    assert [ref.name for ref in compactions_left(lake.context, now())] == [run.name]
    assert compactions_left(lake.context, now() - timedelta(hours=1)) == []


def test_the_head_stays_however_old_it_is(lake):
    put(lake, 1)
    lake, done = collected(later(lake, 1000))
    assert done.garbage == 0
    assert read(lake) == [1]


def test_files_of_a_write_that_is_still_running_stay(lake):
    put(lake, 1)
    lake = later(lake, 30)
    lake.expire(dry_run=False)
    lake = later(lake, 2)
    work = lake.create_branch("work")
    seen = []

    def look(step):
        if step in {"write.files", "write.metadata"}:
            faults.set_hook(None)
            seen.append(lake.collect(dry_run=False))
            faults.set_hook(look)

    faults.set_hook(look)
    try:
        work.replace("bronze.log", rows(2))
    finally:
        faults.set_hook(None)
    assert [each.garbage for each in seen] == [0, 0]
    assert seen[0].waiting > 0
    assert read(lake, "work") == [2]


def test_a_ref_that_comes_while_files_are_listed_is_spared(lake):
    put(lake, 1)
    lake = later(lake, 30)
    run = lake.run("load")
    run.replace("bronze.log", rows(2))
    commit = run.head
    lake.delete_ref(run.name)
    lake = later(lake, 2)
    lake.collect(dry_run=False)
    lake = later(lake, 2)
    assert lake.collect().garbage > 0
    faults.set_hook(
        lambda step: lake.context.catalog.create_branch("back", commit) if step == "collect.listed" else None
    )
    try:
        assert lake.collect(dry_run=False).garbage == 0
    finally:
        faults.set_hook(None)
    assert read(lake, "back") == [2]


def test_what_was_a_branchs_until_a_moment_ago_is_not_moved(lake):
    put(lake, 1)
    run = lake.run("load")
    run.replace("bronze.log", rows(2))
    commit = run.head
    lake = later(lake, 30)
    lake.collect(dry_run=False)
    lake = later(lake, 2)
    lake.delete_ref(run.name)
    assert lake.collect(dry_run=False).garbage == 0
    lake.create_branch("back")  # whoever read the branch's head before goes on
    lake.context.catalog.create_branch("again", commit)
    assert read(lake, "again") == [2]


def test_a_commit_of_a_published_branch_can_be_named_until_it_expires(lake):
    work = lake.create_branch("work")
    work.append("bronze.log", rows(1))
    commit = work.head
    work.replace("bronze.log", rows(2))
    work.publish()
    lake.delete_ref("work")
    lake = later(lake, 0.5)
    lake, _ = collected(lake)
    assert read(lake, f"main@{commit}") == [1]
    lake, done = collected(lake)
    assert done.garbage > 0
    with pytest.raises(StateExpired):
        read(lake, f"main@{commit}")
    assert read(lake) == [2]


def test_what_a_commit_needed_since_is_not_moved_though_its_branch_is_gone(lake):
    work = lake.create_branch("work")
    work.replace("bronze.log", rows(1))
    commit = work.head
    lake.delete_ref("work")
    lake = later(lake, 2)
    lake.collect(dry_run=False)
    lake = later(lake, 1)
    log = TableName.parse("bronze.log")
    catalog = lake.context.catalog
    change = Change({log: catalog.tables(commit)[log]}, "a restore that began before the collection")
    head = lake.create_branch("copy").head
    moved = catalog.commit("copy", head, change)
    lake = later(lake, 0.5)
    lake.delete_ref("copy", moved.id)  # while somebody publishes it
    assert lake.collect(dry_run=False).garbage == 0
    lake.context.catalog.create_branch("published", moved.id)
    assert read(lake, "published") == [1]


def test_what_others_have_in_the_warehouse_stays(lake):
    put(lake, 1)
    here = Path(lake.context.storage.location)
    uuid = "0b6cbd32-5a1b-4f5c-9f4e-4e3c4a9cbb10"
    others = [
        "notes.txt",
        "bronze/notes.txt",
        f"bronze/theirs-{uuid}/data/a.parquet",
        "raw/2026/a.csv",
        "a/b/c/d.parquet",
    ]
    others += [f"_lagoa/batches/{uuid}/0-1-a.json"]
    for each in others:
        (here / each).parent.mkdir(parents=True, exist_ok=True)
        (here / each).write_text("theirs")
    (folder,) = here.glob("bronze/log-*")
    (folder / "data" / "orphan.parquet").write_text("of a write that was killed")
    lake, done = collected(later(lake, 30))
    assert done.garbage == 1
    assert all((here / each).exists() for each in others)


def test_a_cold_file_goes_with_its_link(folder, tmp_path_factory):
    cold = tmp_path_factory.mktemp("cold")
    folder.file("lagoa.toml", f'{(folder.root / "lagoa.toml").read_text()}\n[cold]\nfolder = "{cold}"\n')
    lake = folder.open()
    put(lake, 1)
    here = Path(lake.context.storage.location)
    (one,) = here.glob("bronze/log-*/data/*/*.parquet")
    lake = later(lake, 12)
    put(lake, 2)
    (two,) = set(here.glob("bronze/log-*/data/*/*.parquet")) - {one}
    for file in (one, two):
        target = cold / file.relative_to(here)
        target.parent.mkdir(parents=True)
        file.rename(target)
        file.symlink_to(target)
    beside = one.with_name(".1f.part")  # of a move to the cold folder that was killed
    beside.symlink_to(cold / two.relative_to(here))
    lake, done = collected(later(lake, 12))
    assert done.garbage > 0
    assert (one.is_symlink(), beside.is_symlink(), read(lake)) == (False, False, [2])
    lake.restore_trash(done.trash)
    assert one.read_bytes()
    lake, _ = collected(lake)
    lake = later(lake, 4)
    lake.collect(dry_run=False)
    assert not (cold / one.relative_to(here)).exists()
    assert read(lake) == [2]
    lake.close()


def test_files_of_a_table_that_others_write_too_stay(lake):
    put(lake, 1)
    work = lake.create_branch("work")
    table = lake.catalog("work").load_table("bronze.log")
    table.transaction().set_properties({GC_ENABLED: "false"}).commit_transaction()
    work.publish()
    (folder,) = Path(lake.context.storage.location).glob("bronze/log-*")
    theirs = folder / "data" / "theirs.parquet"
    theirs.write_text("of a snapshot that another catalog has")
    lake, done = collected(later(lake, 30))
    assert (done.garbage, theirs.exists()) == (0, True)


def test_a_write_on_another_branch_does_not_undo_that_others_write_a_table(lake):
    put(lake, 1)
    other, work = lake.create_branch("other"), lake.create_branch("work")
    table = lake.catalog("work").load_table("bronze.log")
    table.transaction().set_properties({GC_ENABLED: "false"}).commit_transaction()
    work.publish()
    other.append("bronze.log", rows(9))  # the latest pointer of all is without the property
    theirs = next(Path(lake.context.storage.location).glob("bronze/log-*/data")) / "theirs.parquet"
    theirs.write_text("of a snapshot that another catalog has")
    lake, done = collected(later(lake, 3))
    assert (done.garbage, theirs.exists()) == (0, True)


def test_a_state_that_was_published_by_a_clock_behind_the_last_expiry_stays(lake):
    put(lake, 1)
    lake = later(lake, 5)
    lake.expire(dry_run=False)
    lake = later(lake, -4)
    two = put(lake, 2)
    lake = later(lake, 4)
    put(lake, 3)
    assert lake.expire(dry_run=False).expired == 0
    assert read(lake, f"main@{two}") == [2]


@pytest.mark.parametrize("name", ["*.metadata.json", "snap-*.avro", "*-m0.avro", "*.parquet"])
def test_a_file_that_cannot_be_read_or_found_ends_it(lake, name):
    put(lake, 1)
    put(lake, 2)
    orphan = next(Path(lake.context.storage.location).glob("bronze/log-*/data")) / "orphan.parquet"
    orphan.write_text("of a write that was killed")
    lake = later(lake, 5)
    next(Path(lake.context.storage.location).glob(f"bronze/log-*/**/{name}")).unlink()
    if name == "*.parquet" and not orphan.exists():
        orphan.write_text("of a write that was killed")
        next(each for each in files_of(lake) if each.suffix == ".parquet" and each != orphan).unlink()
    with pytest.raises(CatalogDamaged):
        lake.collect(dry_run=False)
    assert lake.trash() == []


def test_a_clock_that_goes_back_is_refused(lake):
    put(lake, 1)
    back = later(lake, -1)
    for call in (back.expire, back.collect):
        with pytest.raises(ClockBehind):
            call(dry_run=False)


def test_a_clock_that_was_ahead_is_gone_on_with_when_somebody_says_that_it_is_right(lake):
    one, two = put(lake, 1), put(lake, 2)
    lake = later(lake, 2)
    ahead = later(lake, 400)
    three = put(ahead, 3)
    assert ahead.expire(dry_run=False).expired == 1
    ahead.collect(dry_run=False)
    lake = later(ahead, -400)
    four = put(lake, 4)
    put(lake, 5)
    with pytest.raises(ClockBehind, match="--clock-is-right"):
        lake.expire(dry_run=False)
    with pytest.raises(StateExpired):  # of a time before that of the record
        read(lake, f"main@{four}")

    assert lake.expire(clock_is_right=True).expired == 1
    with pytest.raises(ClockBehind):
        lake.collect()
    assert lake.expire(dry_run=False, clock_is_right=True).expired == 1
    for _ in range(3):
        assert [read(lake, f"main@{each}") for each in (two, three, four)] == [[2], [3], [4]]
        with pytest.raises(StateExpired):
            read(lake, f"main@{one}")
        lake = later(lake, 2)
        lake.expire(dry_run=False)
        lake.collect(dry_run=False)
    with pytest.raises(ClockBehind):
        later(lake, -7).expire()


def test_the_trash_is_brought_back_or_deleted(lake):
    put(lake, 1)
    lake = later(lake, 12)
    put(lake, 2)
    before = paths_of(lake)
    lake, done = collected(later(lake, 12))
    (trash,) = lake.trash()
    assert (trash.name, trash.files, trash.size) == (done.trash, done.garbage, done.garbage_bytes)
    assert lake.restore_trash(trash.name) == done.garbage
    assert (paths_of(lake), lake.trash()) == (before, [])
    assert lake.collect().waiting == done.garbage
    lake, again = collected(lake)
    assert again.garbage == done.garbage
    lake = later(lake, 4)
    assert [each.name for each in lake.collect(dry_run=False).deleted] == [again.trash]
    assert lake.trash() == []
    assert read(lake) == [2]


@pytest.mark.parametrize("step", faults.OF_MAINTENANCE)
def test_a_collection_that_dies_can_be_done_again(lake, step):
    put(lake, 1)
    lake = later(lake, 12)
    put(lake, 2)
    lake, _ = later(lake, 12), None
    before = paths_of(lake)

    def die(name):
        if name == step:
            raise KeyboardInterrupt

    faults.set_hook(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            collected(lake)
    finally:
        faults.set_hook(None)
    lake.expire(dry_run=False)
    lake.collect(dry_run=False)
    lake = later(lake, 2)
    lake.collect(dry_run=False)
    assert read(lake) == [2]
    assert lake.context.catalog.verify() == []
    for trash in lake.trash():
        lake.restore_trash(trash.name)
    assert paths_of(lake) == before


def test_a_record_that_cannot_be_read_ends_it_and_is_written_again(lake):
    one = put(lake, 1)
    lake = later(lake, 12)
    put(lake, 2)
    lake, done = collected(later(lake, 12))
    assert done.garbage > 0
    newest, *_ = lake.context.expiry.files()
    Path(newest.place).write_text('{"version": 1')
    lake.context._opened.pop("expiry")  # as in a process that has not read it before
    for call in (lake.expire, lake.collect, lambda: read(lake, f"main@{one}")):
        with pytest.raises(CatalogDamaged, match="lagoa maintain --expire --yes"):
            call()
    assert read(lake) == [2]
    Path(newest.place).unlink()
    lake.expire(dry_run=False)
    with pytest.raises(StateExpired):
        read(lake, f"main@{one}")
    assert lake.collect(dry_run=False).garbage == 0


def test_a_full_disk_moves_nothing(lake):
    put(lake, 1)
    lake = later(lake, 12)
    put(lake, 2)
    lake = later(lake, 12)
    lake.expire(dry_run=False)
    lake.collect(dry_run=False)
    lake = later(lake, 2)
    before = paths_of(lake)
    place = Path(lake.context.storage.location) / "_lagoa" / "trash"
    place.write_text("no folder can be made here")
    with pytest.raises(CollectionFailed):
        lake.collect(dry_run=False)
    assert paths_of(lake) == before
    place.unlink()
    assert lake.collect(dry_run=False).garbage > 0


def test_what_others_commit_meanwhile_is_no_clock_that_is_behind(lake):
    put(lake, 1)
    clock, asked = lake.context.clock, []

    def reading() -> datetime:
        moment = clock()
        if not asked:
            asked.append(moment)
            put(lake, 2)
        return moment

    object.__setattr__(lake.context, "clock", reading)
    assert lake.expire(dry_run=False).kept > 1
    assert asked


def test_on_servers_another_role_than_the_maintainer_is_refused(lake):
    object.__setattr__(lake.context, "forgets_branches", True)
    for call in (lake.expire, lake.collect, lake.trash, lambda: lake.restore_trash("x")):
        with pytest.raises(NotCollectable, match="maintainer"):
            call()


@pytest.fixture
def forgetful(lake):
    """Return the lake as if its catalog knew only what branches have, as a server does, opened as the maintainer."""
    settings = lake.settings.model_copy(update={"role": "maintainer"})

    def pointers(since):
        return (each for ref in lake.refs() for each in lake.context.catalog.tables(ref.commit).values())

    return Lake(replace(lake.context, settings=settings, all_pointers=pointers, forgets_branches=True))


def test_a_table_of_a_branch_that_a_server_forgets_is_collected_once_two_collections_had_found_it(forgetful):
    lake = forgetful
    put(lake, 1)
    run = lake.run("load")
    run.replace("bronze.other", rows(5))
    before = paths_of(lake)
    lake = later(lake, 12)
    assert lake.expire(dry_run=False).refs == (run.name,)
    lake = later(lake, 2)
    lake, done = collected(lake)
    gone = before - paths_of(lake)
    assert len(gone) == done.garbage > 0
    assert all("bronze/other" in path or "batches" in path for path in gone)
    assert read(lake) == [1]
    assert lake.restore_trash(done.trash) == done.garbage
    assert paths_of(lake) == before


def test_a_branch_that_a_server_forgets_is_spared_if_one_collection_had_seen_it_since(forgetful):
    lake = forgetful
    put(lake, 1)
    run = lake.run("load")
    run.replace("bronze.log", rows(2))
    commit = run.head
    lake.delete_ref(run.name)
    lake.collect(dry_run=False)
    lake = later(lake, 2)
    lake.context.catalog.create_branch("seen", commit)
    assert lake.collect(dry_run=False).garbage == 0
    lake.delete_ref("seen")
    for _ in range(2):
        lake = later(lake, 2)
        assert lake.collect(dry_run=False).garbage == 0
    lake = later(lake, 2)
    assert lake.collect().garbage > 0
    lake.context.catalog.create_branch("back", commit)
    assert read(lake, "back") == [2]


def test_a_record_follows_the_new_ids_of_a_lake_that_was_restored_elsewhere(lake):
    one, two = put(lake, 1), put(lake, 2)
    lake = later(lake, 12)
    three = put(lake, 3)
    lake.expire(dry_run=False)
    records = lake.context.expiry
    records.write(records.newest().renamed({two: three, three: one}))
    kept = records.newest().ids
    assert (one in kept, two in kept, three in kept) == (True, False, True)


def test_nothing_is_made_from_an_expired_state(lake):
    one = put(lake, 1)
    lake = later(lake, 12)
    put(lake, 2)
    lake = later(lake, 12)
    lake.delete_ref("dev")
    dev = lake.create_branch("dev")
    lake.expire(dry_run=False)
    ref = f"main@{one}"
    for call in (
        lambda: lake.create_branch("x", ref),
        lambda: lake.create_tag("x", ref),
        lambda: lake.add_hold("x", "why", ref),
        lambda: lake.rollback(ref),
        lambda: lake.revert("main~1"),
        lambda: lake.diff(ref, "main"),
        lambda: dev.restore(["bronze.log"], ref),
        lambda: lake.catalog(ref).load_table("bronze.log"),
    ):
        with pytest.raises(StateExpired):
            call()
    assert lake.log(ref)[0].id == one
