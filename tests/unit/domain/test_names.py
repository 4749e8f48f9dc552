"""Names of tables, branches and tags, and the grammar of refs."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagoa.domain.checks import AuditReport, CheckResult
from lagoa.domain.refs import Ref, check_ref_name
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName

HASH = "0123456789abcdef" * 4

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}([./][A-Za-z0-9_-]{1,10}){0,3}", fullmatch=True).filter(
    lambda name: name not in {"HEAD", "DETACHED"} and not (len(name) >= 16 and set(name) <= set("0123456789abcdef"))
)
HASHES = st.none() | st.from_regex(r"[0-9a-f]{8,64}", fullmatch=True)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001

_BAD_NAMES = ["", "1a", "-a", "_a", "a b", "a:b", "a..b", "a//b", "a/", "/a", "a.", "a~b", "a@b", "a*b", "ä", "a\n"]
_BAD_HASHES = ["@01234567", "main@", "main@0123456", "main@xyz45678", f"main@{HASH}0", "main@ABCDEF01"]
_BAD_STEPS = ["~1", "main~", "main~-1", "main~x", "main~²", "main~1000000", "main~1~1", "main~1@01234567"]
_BAD_TIMES = ["main*", "main*yesterday", "main*2026-13-01", "main~1*2026-11-20", "main@01234567*2026-11-20"]


class TestTableName:
    def test_is_read_and_written(self):
        table = TableName.parse("silver.order_items_2")
        assert (table.namespace, table.name, table.layer) == (("silver",), "order_items_2", "silver")
        assert str(table) == "silver.order_items_2"

    def test_has_a_quarantine(self):
        assert str(TableName.parse("bronze.orders").quarantine) == "quarantine.bronze__orders"

    @pytest.mark.parametrize(
        "text",
        ["orders", "", ".", "a.", ".b", "a.b.c", "A.b", "a.B", "a b.c", "a.b;drop", "1a.b", "a.é", "a/b.c", "a.b\n"],
    )
    def test_of_another_form_is_refused(self, text):
        with pytest.raises(InvalidName) as error:
            TableName.parse(text)
        assert error.value.kind == "table"

    def test_has_a_longest(self):
        assert TableName.parse(f"a.{'b' * 127}")
        with pytest.raises(InvalidName):
            TableName.parse(f"a.{'b' * 128}")

    def test_names_come_in_order(self):
        names = [TableName.parse(text) for text in ("silver.b", "bronze.z", "silver.a")]
        assert [str(name) for name in sorted(names)] == ["bronze.z", "silver.a", "silver.b"]


class TestRefNames:
    @pytest.mark.parametrize("name", ["main", "a", "A-b_c", "run/daily/2026-11-20", "v1.2.3", "deadbeef", "x" * 200])
    def test_within_the_grammar(self, name):
        assert check_ref_name(name) == name

    @pytest.mark.parametrize(
        "name",
        [*_BAD_NAMES, "HEAD", "DETACHED", "x" * 201, "deadbeef" * 2, HASH],
    )
    def test_outside_the_grammar(self, name):
        with pytest.raises(InvalidName, match="letter"):
            check_ref_name(name)

    def test_a_long_name_is_shown_short(self):
        with pytest.raises(InvalidName) as error:
            check_ref_name("x" * 5000)
        assert len(str(error.value)) < 400


class TestRef:
    @pytest.mark.parametrize(
        ("text", "ref"),
        [
            ("main", Ref("main")),
            ("run/daily/1", Ref("run/daily/1")),
            (f"main@{HASH}", Ref("main", HASH)),
            ("main@01234567", Ref("main", "01234567")),
            ("main~2", Ref("main", back=2)),
            ("main~0", Ref("main")),
            ("main@01234567~3", Ref("main", "01234567", 3)),
            ("main*2026-11-20", Ref("main", at=datetime(2026, 11, 20, tzinfo=UTC))),
            ("main*2026-11-20T18:00:00Z", Ref("main", at=datetime(2026, 11, 20, 18, tzinfo=UTC))),
            ("main*2026-11-20T18:00:00-03:00", Ref("main", at=datetime(2026, 11, 20, 21, tzinfo=UTC))),
        ],
    )
    def test_is_read(self, text, ref):
        assert Ref.parse(text) == ref

    @pytest.mark.parametrize(
        "text",
        [*_BAD_HASHES, *_BAD_STEPS, *_BAD_TIMES, "", "main ", " main", "main\n", "1main", HASH],
    )
    def test_outside_the_grammar(self, text):
        with pytest.raises(InvalidName):
            Ref.parse(text)

    @given(name=NAMES, commit=HASHES, back=st.integers(0, 999_999))
    def test_what_is_written_is_read_back(self, name, commit, back):
        ref = Ref(name, commit, back)
        assert Ref.parse(str(ref)) == ref

    @given(name=NAMES, at=MOMENTS)
    def test_a_time_that_is_written_is_read_back(self, name, at):
        assert Ref.parse(str(Ref(name, at=at))) == Ref(name, at=at)

    @given(at=MOMENTS, hours=st.integers(-23, 23))
    def test_a_moment_is_the_same_in_every_zone(self, at, hours):
        elsewhere = at.astimezone(timezone(timedelta(hours=hours)))
        assert Ref.parse(f"main*{elsewhere.isoformat()}").at == at

    @given(text=st.text(max_size=40))
    def test_any_text_is_a_ref_or_an_error_of_ours(self, text):
        try:
            ref = Ref.parse(text)
        except InvalidName:
            return
        assert check_ref_name(ref.name) == ref.name


def result(outcome):
    return CheckResult("c", "silver.a", outcome, 0.0, "= 0", "", 0.0, "key")


@pytest.mark.parametrize(
    ("outcomes", "passed"),
    [((), True), (("passed", "warned"), True), (("passed", "failed"), False), (("not evaluated",), False)],
)
def test_a_report_passes_when_nothing_failed_and_all_was_evaluated(outcomes, passed):
    results = tuple(result(outcome) for outcome in outcomes)
    report = AuditReport("dev", HASH, HASH, results, datetime.now(UTC), 0.1)
    assert report.passed is passed
    assert bool(report.blocking) is not passed


@pytest.mark.parametrize(
    ("figure", "threshold", "shown"),
    [
        (None, "= 0", ""),
        (0.0, "= 0", "0"),
        (1204.0, "= 0", "1,204"),
        (0.37, "< 1", "0.37"),
        (0.025, "<= 1.00%", "2.50%"),
        (0.0, "within 20% of main", "0.00%"),
        (math.inf, "within 20% of main", "inf%"),
        (math.inf, "< 1", "inf"),
        (2.5, "< 5 %", "2.5"),
    ],
)
def test_a_figure_is_shown_as_a_person_reads_it(figure, threshold, shown):
    assert CheckResult("t/c", "t", "passed", figure, threshold, "", 0.0, "").shown == shown
