"""What all commands share that write on a branch and publish: where they work, and what they say of a publication."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from lagoa.cli.console import emit_json, hint, moment, one_line, say, say_list, seconds, short
from lagoa.cli.progress import working
from lagoa.domain.lists import counted, listed
from lagoa.domain.refs import MAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from lagoa.branch import Branch
    from lagoa.domain.approvals import Approval, Consent
    from lagoa.domain.receipts import Publication
    from lagoa.lake import Lake

_LISTED = 5
_T = TypeVar("_T")


def place_of(lake: Lake, what: str, branch: str | None) -> AbstractContextManager[Branch]:
    """Return the branch that is named, or a run branch for this piece of work: a context manager either way."""
    return lake.run(what) if branch is None else nullcontext(lake.branch(branch))


def repeated(lake: Lake, place: Callable[[], AbstractContextManager[Branch]], work: Callable[[Branch], _T]) -> _T:
    """Do a piece of work that is idempotent on a branch; on a run branch again if main has another change meanwhile.

    So two loads of one table at the same time end with the rows of both.

    Args:
        lake: the lake.
        place: gives the branch, each time a new one if it is that of a run.
        work: what is done on it and published, up to the setting `publish_tries` times.

    Raises:
        PublishConflict: it was published on a branch that is no run's, or main had another change each time.
    """
    from lagoa.branch import Run
    from lagoa.errors import LagoaError, PublishConflict

    left = lake.context.settings.publish_tries
    while True:
        left -= 1
        with ExitStack() as stack:
            branch = stack.enter_context(place())
            try:
                return work(branch)
            except PublishConflict as error:
                if not left or not isinstance(branch, Run):
                    raise
                conflict = error
        with suppress(LagoaError):  # it stays, and does no harm
            lake.delete_ref(branch.name)
        tables = listed([str(table) for table in conflict.tables], _LISTED)
        hint(f"main has another change to {tables} meanwhile: this is done again on main as it is now.")


def publish_branch(lake: Lake, branch: Branch, message: str = "", *, rebase: bool = True) -> Publication | None:
    """Publish a branch, which online features then follow; return None when main has all of it."""
    from lagoa.errors import NothingToPublish

    with working(f"publishing {branch.name}"):
        try:
            publication = branch.publish(message, rebase=rebase)
        except NothingToPublish:
            return None
    follow_features(lake)
    return publication


def follow_features(lake: Lake, *, leave_out: bool = False) -> None:
    """Let online features follow main; if they cannot, say so: main has moved all the same.

    Args:
        lake: the lake.
        leave_out: whether a view that main has no table of, or other columns, is not online from then on.
    """
    from lagoa.errors import LagoaError

    try:
        with working("online features follow"):
            done = lake.follow_features(leave_out=leave_out)
    except LagoaError as error:
        hint(f"Warning: online features stay as they were. {error} Then run `lagoa feature materialize`.")
        return
    for view, reason in (done.left_out if done else {}).items():
        hint(f"Warning: {view} is not online any more. {reason}")


def finish(
    results: list[dict[str, Any]],
    publication: Publication | None,
    place: Branch,
    *,
    branch: str | None,
    as_json: bool,
    more: Mapping[str, Any] = {},
) -> None:
    """Say what became of work that was done on `place`: published, nothing new, or waiting on the branch named.

    `more` is what else the JSON document has.
    """
    if as_json:
        published = None if publication is None else tell_publication(publication)
        emit_json({"branch": place.name, "tables": results, **more, "publication": published})
    elif publication is not None:
        say_published(publication)
    elif branch is None:
        hint("Nothing new: main is unchanged.")
    else:
        hint(f"Next: `lagoa review {branch}`, then `lagoa publish {branch}`.")


def say_published(publication: Publication) -> None:
    """Say where main went, and on what grounds."""
    report = publication.report
    outcomes = report.outcomes
    tables = publication.tables
    names = ", ".join(tables) if len(tables) <= _LISTED else counted(len(tables), "table")
    say(f"main is now at {short(publication.commit)} ({names}), published {moment(publication.published_at)}.")
    others = f", {outcomes['warned']} warned" if outcomes["warned"] else ""
    others += f", {len(report.blocking)} failed" if report.blocking else ""
    say(f"{counted(outcomes['passed'], 'check')} passed{others}, in {seconds(report.seconds)}.")
    for result in report.blocking[:_LISTED]:
        say(f"  {result.summary}")
    if report.blocking:
        hint(
            "This state was audited before, so checks do not stop it. Put the contracts, models and check files back "
            "to that state, too; `lagoa audit show --failed` has all that fails."
        )
    if publication.loosened:
        say(f"{counted(len(publication.loosened), 'check')} used to be stricter:")
        for sentence in publication.loosened:
            say(f"  {sentence}")
    for approval in publication.approvals:
        say(f"Approved by {one_line(approval.shown)}.")
    if publication.uncommitted:
        files = listed(publication.uncommitted, _LISTED)
        hint(f"Warning: this was published with declarations that are not committed to git: {files}.")


def tell_publication(publication: Publication) -> dict[str, Any]:
    """Return a publication for JSON output."""
    return {
        "commit": publication.commit,
        "previous": publication.previous,
        "published_at": publication.published_at,
        "receipt": publication.receipt,
        "tables": list(publication.tables),
        "unseen": list(publication.unseen),
        "held": publication.held,
        "loosened": list(publication.loosened),
        "git": publication.git or None,
        "uncommitted": list(publication.uncommitted),
        "approvals": [tell_approval(each) for each in publication.approvals],
        "audit": publication.report.outcomes,
    }


def tell_approval(approval: Approval) -> dict[str, Any]:
    """Return an approval for JSON output."""
    return asdict(approval)


def say_consent(consent: Consent) -> None:
    """Print what asks for an approval that is not there, and which approvals are there."""
    say_list("Needs an approval", [each.shown for each in consent.missing])
    say_list("Approved by", [each.shown for each in consent.approvals])
    say_list("Approvals that do not count", consent.ignored)


def tell_consent(consent: Consent) -> dict[str, Any]:
    """Return what asks for approvals, and which are there, for JSON output."""
    return {
        "demands": [{**asdict(each), "missing": each in consent.missing} for each in consent.demands],
        "approvals": [tell_approval(each) for each in consent.approvals],
        "ignored": list(consent.ignored),
    }


def name_exactly(lake: Lake, ref: str) -> None:
    """Say which commit a ref counted from a head names now: once main has moved, it names another one."""
    if "~" in ref:
        exact = f"{MAIN}@{short(lake.resolve(ref).id)}"
        hint(f"{ref} is {exact}: if this is interrupted, repeat it with that name.")


def taken_back(lake: Lake, doing: str, take_back: Callable[[], Publication]) -> Publication | None:
    """Take something back from main, which online features then follow; return None if there was nothing of it.

    Args:
        lake: the lake.
        doing: what is shown meanwhile.
        take_back: does it.
    """
    from lagoa.errors import NothingToPublish

    try:
        with working(doing):
            publication = take_back()
    except NothingToPublish:
        return None
    follow_features(lake, leave_out=True)  # what was taken back does not stay online
    return publication


def tell_taken_back(publication: Publication | None, nothing: str, *, as_json: bool) -> None:
    """Say what was taken back, and how to undo that; `nothing` where there was nothing of it."""
    if as_json:
        emit_json(None if publication is None else tell_publication(publication))
    elif publication is None:
        say(nothing)
    else:
        say_published(publication)
        _say_unseen(publication)
        hint(f"`lagoa rollback main@{short(publication.previous)}` undoes this.")


def _say_unseen(publication: Publication) -> None:
    if not publication.unseen:
        return
    say(f"{counted(len(publication.unseen), 'batch was', 'batches were')} removed from main:")
    for batch in publication.unseen:
        say(f"  {batch}")
    if publication.held:
        hint("The same content is refused if it is loaded again.")
    else:
        hint("The same content can be loaded again; `lagoa rollback REF --hold` refuses it.")
