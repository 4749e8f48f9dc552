"""What is read of lists of manifests and manifests, beside what PyIceberg reads."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import foreign_tables as others
import pyarrow as pa
import pytest

from lagoa.maintain.named import named_files, named_manifests

COLUMNS = "day:date price:decimal(9,2) id:string n:long"


def rows(number):
    day = date(2026, 11, 1 + number)
    return pa.table({"day": [day], "price": [Decimal(f"{number}.50")], "id": [f"i{number}"], "n": [number]})


@pytest.mark.parametrize("codec", ["gzip", "zstd", "null"])
def test_they_name_what_pyiceberg_reads_in_them(folder, dev, codec):
    folder.contract("bronze.t", COLUMNS, partition=["day", "price"])
    dev.append("bronze.t", rows(0))
    table = dev.catalog().load_table("bronze.t")
    with table.transaction() as transaction:
        transaction.set_properties({"write.avro.compression-codec": codec})
    for number in range(1, 4):
        table.append(rows(number).cast(table.schema().as_arrow()))
    table.delete("n = 2")  # its manifest says so of the file
    (task,) = table.scan(row_filter="n = 1").plan_files()
    others.delete_positions(table, "n", 1, partition=task.file.partition)
    kinds = set()
    for snapshot in table.snapshots():
        manifests = snapshot.manifests(table.io)
        listed = named_manifests(table.io.new_input(snapshot.manifest_list))
        assert list(listed) == [(each.manifest_path, each.manifest_length) for each in manifests]
        for each in manifests:
            entries = each.fetch_manifest_entry(table.io, discard_deleted=False)
            kinds |= {(entry.status.name, entry.data_file.content.name) for entry in entries}
            assert list(named_files(table.io.new_input(each.manifest_path))) == [
                (entry.data_file.file_path, entry.data_file.file_size_in_bytes)
                for entry in entries
                if entry.status.name != "DELETED"
            ]
    assert {("ADDED", "DATA"), ("DELETED", "DATA"), ("ADDED", "POSITION_DELETES")} <= kinds
