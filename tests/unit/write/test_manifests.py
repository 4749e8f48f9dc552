"""Which manifests are put together: few of them for any number of writes, and few entries written again by each."""

from __future__ import annotations

import math

from pyiceberg.manifest import ManifestFile

from lagoa.write.manifests import groups, live_files


def manifest(files: int, size: int | None = None) -> ManifestFile:
    length = files * 200 if size is None else size
    return ManifestFile.from_args(
        manifest_path="x", manifest_length=length, added_files_count=files, existing_files_count=0
    )


def test_many_small_writes_leave_few_manifests_and_rewrite_few_entries():
    kept: list[ManifestFile] = []
    rewritten, most = 0, 0
    for number in range(1, 5_001):
        with_new, others = groups(kept, 1)
        again = [*with_new, *(each for group in others if len(group) > 1 for each in group)]
        rewritten += sum(map(live_files, again))
        most = max(most, sum(map(live_files, again)))
        kept = [manifest(1 + sum(map(live_files, with_new))), *(manifest(sum(map(live_files, g))) for g in others)]
        assert sum(map(live_files, kept)) == number
        assert len(kept) <= number // 1_024 + math.ceil(math.log(1_024, 4)) + 1
    assert rewritten / 5_000 < 12
    assert most < 2 * 1_024


def test_a_table_with_a_manifest_for_each_write_is_put_together_step_by_step():
    with_new, others = groups([manifest(1) for _ in range(600)], 1)
    assert len(with_new) + sum(map(len, others)) == 600
    assert max(map(len, [with_new, *others])) <= 256
    assert len(others) < 600 - 200


def test_full_manifests_and_those_that_do_not_say_how_full_they_are_stay():
    large = [manifest(1_024), manifest(3, 9 * 2**20), ManifestFile.from_args(manifest_path="v1", manifest_length=1)]
    with_new, others = groups([*large, manifest(1)], 4)
    assert with_new == []
    assert sorted(map(len, others)) == [1, 1, 1, 1]
