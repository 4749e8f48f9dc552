"""`lagoa feature`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from lagoa.cli.console import emit_json, emit_rows, emit_table, hint, moment, number, say, short
from lagoa.cli.options import JsonOption, exported_settings, lake_settings, open_here
from lagoa.cli.progress import working
from lagoa.domain.optional import extra

feature = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Features of machine learning: list, plan, apply, materialize, get, status.",
)

_PAIR = re.compile(r"(\w+)=(.*)", re.DOTALL)


@feature.command("list")
def feature_list(
    ctx: typer.Context,
    domain: Annotated[str | None, typer.Option(metavar="NAME", help="Only the views of this domain.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the features that were applied, with their types, and who uses them."""
    from lagoa.bootstrap import open_online_features
    from lagoa.features.online import applied

    with working("reading the registry"):
        definitions = applied(open_online_features(lake_settings(ctx)))
    rows = [
        (view, each, definitions.users(view.name, each.name))
        for view in definitions.views.values()
        if domain is None or view.domain == domain
        for each in view.features
    ]
    if as_json:
        emit_json(
            [
                {
                    "view": view.name, "feature": each.name, "type": each.type, "table": view.table,
                    "column": each.column, "keys": [key for key, _ in view.keys], "domain": view.domain,
                    "owner": view.owner, "online": view.online, "services": users,
                }
                for view, each, users in rows
            ]
        )  # fmt: skip
        return
    emit_table(
        ("feature", "type", "of", "domain", "services"),
        (
            (
                f"{view.name}:{each.name}",
                each.type,
                ", ".join(key for key, _ in view.keys),
                view.domain,
                ", ".join(users),
            )
            for view, each, users in rows
        ),
        whole=("feature",),
        first_out=("domain", "of"),
    )
    if not rows and domain is not None:
        known = sorted({view.domain for view in definitions.views.values() if view.domain})
        hint(f"No view is of the domain {domain!r}. There are: {', '.join(known) or 'none'}.")


@feature.command()
def plan(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show what `lagoa feature apply` would change, and which services that would break; nothing is done."""
    from lagoa.bootstrap import open_online_features
    from lagoa.features.changes import changes

    settings = exported_settings(ctx)
    with working("reading feature_store/"):
        with extra("ml", "`lagoa feature plan`"):
            from lagoa.feast.applying import declared

        found = changes(open_online_features(settings).definitions(), declared(settings.features_folder))
    if as_json:
        emit_json(
            [{"kind": each.kind, "what": each.what, "detail": each.detail, "breaks": each.breaks} for each in found]
        )
        return
    emit_table(
        ("change", "what", "detail", "breaks"),
        ((each.kind, each.what, each.detail, ", ".join(each.breaks)) for each in found),
        whole=("what",),
    )
    if not found:
        hint("Nothing would change.")
    elif any(each.breaks for each in found):
        hint(
            "`lagoa feature apply` refuses what breaks a service: keep the feature, or put a new service in its place."
        )
    else:
        hint("Next: `lagoa feature apply`.")


@feature.command()
def apply(ctx: typer.Context) -> None:
    """Apply the files of feature_store/, as `feast apply` does; what a service uses cannot change its type or go."""
    from lagoa.bootstrap import open_online_features
    from lagoa.features.changes import changes
    from lagoa.features.online import applied

    settings = exported_settings(ctx)
    store = open_online_features(settings)
    before = store.definitions()
    with working("applying feature_store/"):
        with extra("ml", "`lagoa feature apply`"):
            from lagoa.feast.applying import apply as apply_all

        apply_all(settings.features_folder)
    after = applied(store)
    done = changes(before, after)
    for each in done:
        say(f"{each.kind:8}{each.what}{f' ({each.detail})' if each.detail else ''}")
    say(f"{number(len(after.views))} feature views and {number(len(after.services))} services are applied.")
    hint("Next: `lagoa feature materialize`.")


@feature.command("materialize")
def feature_materialize(
    ctx: typer.Context,
    ref: Annotated[str, typer.Option(metavar="REF", help="A published state: main, main~1, main*2026-11-20.")] = "main",
    as_json: JsonOption = False,
) -> None:
    """Let the online store have the newest features of each entity, all of one published commit."""
    with open_here(ctx) as lake, working("materializing"):
        done = lake.materialize_features(ref)
    if as_json:
        emit_json(
            {
                "commit": done.state.commit, "at": done.state.at.isoformat(), "written": done.written,
                "kept": done.kept, "seconds": done.seconds,
            }
        )  # fmt: skip
        return
    for name, entities in done.written.items():
        say(f"{name}: {number(entities)} entities.")
    for name in done.kept:
        say(f"{name}: as before, its table is the same.")
    say(f"Online is {short(done.state.commit)} now ({done.seconds:.1f} s).")


@feature.command()
def get(
    ctx: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="FEATURE… KEY=VALUE…",
            help="Features as view:feature, or a view or a service for all it has; and the join keys of one entity.",
        ),
    ],
    ref: Annotated[
        str | None, typer.Option(metavar="REF", help="Read the tables at a ref, not the online store.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="What was known then, such as 2018-03-01T12:00Z; reads the tables."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the features of one entity: those that are online, or with --ref or --at as they were known."""
    names = [each for each in what if not _PAIR.fullmatch(each)]
    pairs = [(found[1], found[2]) for each in what if (found := _PAIR.fullmatch(each))]
    entity = dict(pairs)
    if not names:
        raise typer.BadParameter("Give features and the join keys of an entity: `late_delivery seller_id=…`.")
    if len(entity) < len(pairs):
        raise typer.BadParameter("A join key is given twice: the features are those of one entity.")
    with open_here(ctx) as lake, working("reading features"):
        if ref is None and at is None:
            answer = lake.online_features(names, [entity])
        else:
            answer = lake.features_at(names, entity, _time(at), ref or "main")
    if as_json:
        moments = {view: each and each.isoformat() for view, each in answer.moments[0].items()}
        emit_json({"commit": answer.commit, "features": answer.rows[0], "moments": moments})
        return
    emit_rows(("feature", "value"), list(answer.rows[0].items()), whole=("feature",))
    known = "; ".join(
        f"{view}: {moment(each) if each else 'nothing known'}" for view, each in answer.moments[0].items()
    )
    hint(f"Of commit {short(answer.commit)}. {known}.")


@feature.command()
def status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show the commit of main and the one that is online, and how far online is behind."""
    with open_here(ctx) as lake, working("comparing with main"):
        found = lake.feature_status()
    if as_json:
        emit_json(
            {
                "offline": found.offline, "online": found.online,
                "online_at": found.online_at and found.online_at.isoformat(),
                "publications_behind": found.publications, "lag_seconds": found.lag_s,
                "views": [
                    {
                        "view": each.view.name, "table": each.view.table, "online": each.view.online,
                        "entities": each.online and each.online.entities, "pushed": each.pushed,
                        "latest": each.online and each.online.latest and each.online.latest.isoformat(),
                        "behind": each.behind, "missing": each.missing,
                    }
                    for each in found.views
                ],
            }
        )  # fmt: skip
        return
    say(f"Offline (main): {short(found.offline)}.")
    if found.online is None or found.online_at is None:
        say("Online: nothing yet.")
    elif found.publications == 0:
        say(f"Online: {short(found.online)}, the same; since {moment(found.online_at)}.")
    elif found.publications is None:
        say(f"Online: {short(found.online)}, which main has left behind; since {moment(found.online_at)}.")
    else:
        behind = f"{number(found.publications)} publications behind for {_duration(found.lag_s or 0)}"
        say(f"Online: {short(found.online)}, {behind}; since {moment(found.online_at)}.")
    emit_table(
        ("view", "table", "entities", "latest row", "state"),
        (
            (
                each.view.name,
                each.view.table,
                number(each.online.entities) if each.online else "",
                moment(each.online.latest) if each.online and each.online.latest else "",
                _state(each.behind, each.missing, each.pushed, online=each.view.online),
            )
            for each in found.views
        ),
        right=("entities",),
        first_out=("table",),
    )
    if found.publications != 0 or any(each.behind for each in found.views):
        hint("Next: `lagoa feature materialize`.")


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 2018-03-01 or 2018-03-01T12:00Z.") from None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is before the year 1 or after 9999 in UTC.") from None


def _state(behind: bool, missing: bool, pushed: int, *, online: bool) -> str:
    if not online:
        return "offline alone"
    if missing:
        return "no table on main"
    added = f", {number(pushed)} pushed" if pushed else ""
    return ("behind" if behind else "current") + added


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
