"""Changes between applied definitions and those of a feature repository, and which of them break a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.domain.features import Definitions, FeatureView, OnDemandView

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        kind: what happens.
        what: a feature (`view:feature`), a view, an on-demand view or a service.
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
    old_computed = before.on_demand if before else {}
    for name in sorted({*old_computed, *after.on_demand}):
        found += _of_on_demand(name, old_computed.get(name), after.on_demand.get(name), before, after)
    old_services = before.services if before else {}
    for name in sorted({*old_services, *after.services}):
        found += _of_service(name, old_services.get(name), after.services.get(name))
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


def refuse_unknown(definitions: Definitions) -> None:
    """Raise `FeatureError` if a service has features of a view that is not applied with it."""
    for service, features in definitions.services.items():
        for view in sorted({each.partition(":")[0] for each in features}):
            if view not in definitions.views and view not in definitions.on_demand:
                raise FeatureError(
                    f"The service {service}",
                    f"it has features of {view}, which no variable of a file in feature_store/ is",
                    f"Feast finds variables of a module alone: write `{view} = …`, and name it in the service.",
                )


def _users(before: Definitions | None, after: Definitions, view: str, feature: str) -> tuple[str, ...]:
    """Return the services that use a feature, and go on under their name."""
    return tuple(each for each in (before.users(view, feature) if before else ()) if each in after.services)


def _of_on_demand(
    name: str, old: OnDemandView | None, new: OnDemandView | None, before: Definitions | None, after: Definitions
) -> list[Change]:
    if old is None and new is not None:
        return [Change("added", name, f"{len(new.features)} features, computed at the request")]
    if old is None or new is None:
        used = {each for feature in (old.features if old else ()) for each in _users(before, after, name, feature)}
        return [Change("removed", name, "", tuple(sorted(used)))]
    return _of_features(name, old.features, new.features, before, after)


def _of_features(
    view: str, old: Mapping[str, str], new: Mapping[str, str], before: Definitions | None, after: Definitions
) -> list[Change]:
    """Return the changes of the features of a view, given by name with their types."""
    found = []
    for name, kind in old.items():
        if name not in new:
            found.append(Change("removed", f"{view}:{name}", "", _users(before, after, view, name)))
        elif new[name] != kind:
            used = _users(before, after, view, name)
            found.append(Change("changed", f"{view}:{name}", f"{kind} to {new[name]}", used))
    return found + [Change("added", f"{view}:{name}", kind) for name, kind in new.items() if name not in old]


def _of_service(name: str, old: Sequence[str] | None, new: Sequence[str] | None) -> list[Change]:
    if old is None or new is None:
        return [Change("added" if old is None else "removed", name, "service")]
    gone, more = [each for each in old if each not in new], [each for each in new if each not in old]
    said = [f"without {', '.join(gone)}"] if gone else []
    said += [f"with {', '.join(more)}"] if more else []
    return [Change("changed", name, f"service {' and '.join(said)}")] if said else []


def _of_view(
    name: str, old: FeatureView | None, new: FeatureView | None, before: Definitions | None, after: Definitions
) -> list[Change]:
    if old is None and new is not None:
        return [Change("added", name, f"{len(new.features)} features of {new.table}")]
    if old is None or new is None:
        used = {each for feature in (old.features if old else ()) for each in _users(before, after, name, feature.name)}
        return [Change("removed", name, "", tuple(sorted(used)))]
    was_typed, is_typed = ({each.name: each.type for each in view.features} for view in (old, new))
    found = _of_features(name, was_typed, is_typed, before, after)
    for what in ("table", "keys", "timestamp", "zone", "created", "ttl_s", "online"):
        was, is_now = getattr(old, what), getattr(new, what)
        if was != is_now:
            found.append(Change("changed", name, f"{what}: {was} to {is_now}"))
    return found
