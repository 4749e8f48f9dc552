"""Changes between applied definitions and those of a feature repository, and which of them break a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.errors import FeatureError

if TYPE_CHECKING:
    from lagoa.domain.features import Definitions, FeatureView

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        kind: what happens.
        what: a feature (`view:feature`), a view or a service.
        detail: what is different; may be empty.
        breaks: services that go on under their name and would have another feature, or one less.
    """

    kind: Kind
    what: str
    detail: str = ""
    breaks: tuple[str, ...] = ()


def changes(before: Definitions | None, after: Definitions) -> list[Change]:
    """Return the changes of views, their features and services, by name."""
    old_views = before.views if before else {}
    found = []
    for name in sorted({*old_views, *after.views}):
        found += _of_view(name, old_views.get(name), after.views.get(name), before, after)
    old_services = before.services if before else {}
    for name in sorted({*old_services, *after.services}):
        if name not in old_services:
            found.append(Change("added", name, "service"))
        elif name not in after.services:
            found.append(Change("removed", name, "service"))
    return found


def refuse_breaking(before: Definitions | None, after: Definitions) -> None:
    """Raise `FeatureError` if a service would have a feature of another type, or one less, under the same name."""
    broken = [each for each in changes(before, after) if each.breaks]
    if broken:
        first = broken[0]
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise FeatureError(
            f"The feature {first.what}",
            f"it was {first.kind}{f' ({first.detail})' if first.detail else ''}, and is used by "
            f"{', '.join(first.breaks)}{more}",
            "Keep it and add one of another name; or replace these services by new ones of other names.",
        )


def _of_view(
    name: str, old: FeatureView | None, new: FeatureView | None, before: Definitions | None, after: Definitions
) -> list[Change]:
    def users(feature: str) -> tuple[str, ...]:
        return tuple(each for each in (before.users(name, feature) if before else ()) if each in after.services)

    if old is None and new is not None:
        return [Change("added", name, f"{len(new.features)} features of {new.table}")]
    if old is None or new is None:
        used = {each for feature in (old.features if old else ()) for each in users(feature.name)}
        return [Change("removed", name, "", tuple(sorted(used)))]
    found = []
    for feature in old.features:
        now = new.feature(feature.name)
        if now is None:
            found.append(Change("removed", f"{name}:{feature.name}", "", users(feature.name)))
        elif now.type != feature.type:
            detail = f"{feature.type} to {now.type}"
            found.append(Change("changed", f"{name}:{feature.name}", detail, users(feature.name)))
    found += [
        Change("added", f"{name}:{each.name}", each.type) for each in new.features if old.feature(each.name) is None
    ]
    for what in ("table", "keys", "timestamp", "zone", "created", "ttl_s", "online"):
        was, is_now = getattr(old, what), getattr(new, what)
        if was != is_now:
            found.append(Change("changed", name, f"{what}: {was} to {is_now}"))
    return found
