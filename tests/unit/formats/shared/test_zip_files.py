"""Zip files: one file in them is read as it is; what is damaged, hidden, lying or ambiguous is refused."""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.errors import SourceError
from lagoa.formats.shared.files import READ_ERRORS, SourceFile

TEXT = b"".join(b"%d;name %d;%d\n" % (at, at * 7919 % 1013, at * at) for at in range(50_000))


def pack(members, method=zipfile.ZIP_DEFLATED, **more):
    """Return a zip file of texts by name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.comment = more.get("comment", b"")
    return packed.getvalue()


def put(tmp_path, content, name="a.zip"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def read(path, *members):
    with SourceFile(path, members).open() as stream:
        return stream.read()


def refusal(path, *members):
    """Return why a file is not read; a `SourceError`, as every reader makes of what reading raises."""
    file = SourceFile(path, members)
    try:
        with file.open() as stream:
            while stream.read(65_536):
                pass
    except READ_ERRORS as error:
        return file.unreadable(error).message
    except SourceError as error:
        return error.message
    return None


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("text", [TEXT, b"", b"x", random.Random(1).randbytes(700_000)])  # noqa: S311 - noise
def test_the_content_is_that_of_the_one_file_in_it(tmp_path, method, text):
    path = put(tmp_path, pack({"a.csv": text}, method, comment=b"monthly"))
    assert read(path) == text
    assert SourceFile(path).content_name == "a.csv"


def test_folders_and_what_a_mac_adds_are_no_files(tmp_path):
    members = {"2024/": b"", "2024/a.csv": TEXT, "__MACOSX/2024/._a.csv": b"\0", "2024/.DS_Store": b"\0"}
    assert read(put(tmp_path, pack(members))) == TEXT


@pytest.mark.parametrize("zip64", [False, True])
def test_a_stream_that_was_not_measured_before(tmp_path, zip64):
    class NoSeek(io.BytesIO):
        def seekable(self):
            return False

        def tell(self):
            raise OSError

    for kind in (NoSeek, io.BytesIO):
        packed = kind()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("a.csv", "b.csv"):
                with archive.open(name, "w", force_zip64=zip64) as target:
                    target.write(TEXT)
        assert read(put(tmp_path, packed.getvalue()), "a.csv") == TEXT


def test_reading_goes_to_a_place_and_back(tmp_path):
    with SourceFile(put(tmp_path, pack({"a.csv": TEXT}))).open() as stream:
        stream.seek(600_000)
        assert stream.read(100) == TEXT[600_000:600_100]
        stream.seek(3)
        assert stream.read() == TEXT[3:]
        assert stream.read() == b""


def test_one_of_several_is_named(tmp_path):
    path = put(tmp_path, pack({"data/jan.csv": b"1", "data/feb.csv": b"2", "readme.txt": b"3"}))
    assert refusal(path) == f"{path}: 3 files are in it: data/jan.csv, data/feb.csv, readme.txt."
    assert refusal(path, "*.csv").endswith("2 files are called '*.csv': data/jan.csv, data/feb.csv.")
    assert refusal(path, "mar.csv").endswith(
        "no file in it is called 'mar.csv'; it has data/jan.csv, data/feb.csv, readme.txt."
    )
    assert (read(path, "feb*"), read(path, "data/jan.csv"), read(path, "*.csv", "jan*")) == (b"2", b"1", b"1")
    january, february = (SourceFile(path, [name]) for name in ("jan*", "feb*"))
    assert january.member.others == ("data/feb.csv", "readme.txt")
    assert january.fingerprint() != february.fingerprint()
    with pytest.raises(SourceError, match="it is no zip file"):
        SourceFile(put(tmp_path, b"1", "a.csv"), ["a.csv"])


def test_the_fingerprint_of_one_file_is_that_of_the_zip_file(tmp_path):
    packed, plain = (put(tmp_path, pack({"a.csv": b"1"}), name) for name in ("a.zip", "a.csv"))
    assert SourceFile(packed).fingerprint() == SourceFile(plain).fingerprint()


def test_what_is_no_zip_file_or_has_nothing_in_it(tmp_path):
    assert "it is not a whole zip file" in refusal(put(tmp_path, b"id;name\n1;a\n"))
    assert "it is not a whole zip file" in refusal(put(tmp_path, b""))
    office = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}
    assert "it is an Office document" in refusal(put(tmp_path, pack(office)))
    assert "no file is in it" in refusal(put(tmp_path, pack({"a/": b""})))


def test_a_file_without_a_name(tmp_path):
    content = pack({"a.csv": b"1\n"})
    for name in (content.index(b"a.csv"), content.rindex(b"a.csv")):
        content = changed(content, name, "<B", 0)  # where zipfile ends a name
    assert "it is not a whole zip file: a file in it has no name" in refusal(put(tmp_path, content))


def changed(content, place, form, value):
    spoiled = bytearray(content)
    struct.pack_into(form, spoiled, place, value)
    return bytes(spoiled)


def test_other_data_in_the_zip_file_is_not_passed_over(tmp_path):
    one, two = pack({"a.csv": b"1\n"}), pack({"b.csv": b"2\n"})
    for content in (one + two, b"#!/bin/sh\n" + one, one + b"\0", one[:33] + b"more" + one[33:]):
        assert "it is not a whole zip file" in refusal(put(tmp_path, content))


def test_lies_about_sizes(tmp_path):
    """The directory says that the file is shorter, with the checksum of that part: zipfile returns the part."""
    short = TEXT[:1000]
    content = pack({"a.csv": TEXT})
    directory = content.index(b"PK\1\2")
    for place in (14, directory + 16):
        content = changed(content, place, "<I", zipfile.crc32(short))
    for place in (22, directory + 24):
        content = changed(content, place, "<I", len(short))
    path = put(tmp_path, content)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("a.csv") == short
    assert "a.csv in it is longer than the directory of the zip file says" in refusal(path)
    one_lie = changed(pack({"a.csv": TEXT}), 22, "<I", len(short))
    assert "two sizes are declared for a.csv" in refusal(put(tmp_path, one_lie))
    stored = pack({"a.csv": TEXT}, zipfile.ZIP_STORED)
    directory = stored.rindex(b"PK\1\2")
    for place in (22, directory + 24):
        stored = changed(stored, place, "<I", len(TEXT) + 9)
    assert "shorter than the directory of the zip file says" in refusal(put(tmp_path, stored))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_inside(tmp_path, method):
    content = pack({"a.csv": TEXT}, method)
    assert refusal(put(tmp_path, content[:5000] + b"\0" * 50 + content[5050:])) is not None


@settings(max_examples=many(150), deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.booleans())
def test_a_byte_that_changes_anywhere_never_changes_the_content(tmp_path_factory, place, value, cut):
    text = TEXT[:3000]
    content = pack({"a.csv": text, "b.txt": b"x" * 40}, comment=b"c")
    place %= len(content)
    spoiled = content[:place] if cut else content[:place] + bytes([value]) + content[place + 1 :]
    path = put(tmp_path_factory.getbasetemp(), spoiled, "spoiled.zip")
    assert refusal(path, "a.csv") is not None or read(path, "a.csv") == text


def test_what_is_not_read(tmp_path):
    encrypted = pack({"a.csv": b"1"})
    for place in (6, encrypted.index(b"PK\1\2") + 8):
        encrypted = changed(encrypted, place, "<H", 1)
    assert "'a.csv' in it is encrypted" in refusal(put(tmp_path, encrypted))
    assert "is a path out of its folder" in refusal(put(tmp_path, pack({"../a.csv": b"1"})))
    assert "is a path out of its folder" in refusal(put(tmp_path, pack({"/etc/a.csv": b"1"})))
    assert "is packed by bzip2" in refusal(put(tmp_path, pack({"a.csv": TEXT}, zipfile.ZIP_BZIP2)))
    link = zipfile.ZipInfo("a.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(link, "b.csv")
    assert "'a.csv' in it is a link" in refusal(put(tmp_path, packed.getvalue()))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "1")
        archive.writestr("a.csv", "2")
    assert "2 files are in it: a.csv, a.csv" in refusal(put(tmp_path, packed.getvalue()))


def test_a_file_that_grows_beyond_measure(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as target:
        for _ in range(70):
            target.write(b"1\n" * 524_288)
    path = put(tmp_path, packed.getvalue())
    assert path.stat().st_size < 100_000
    assert "'a.csv' in it is 73,400,320 bytes, more than 200 times its packed size" in refusal(path)
