"""Reading the online store, each request from one commit."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from lagoa.domain.feature_values import loaded
from lagoa.domain.features import Feature, entity_key, moment_of
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import FeatureError
from lagoa.features.online import applied, at_one_state, tables_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from lagoa.context import LakeContext
    from lagoa.domain.features import Definitions, FeatureView, OnlineRow, Standing
    from lagoa.domain.ports.features import OnlineFeatures

_T = TypeVar("_T")
_AT = "_lagoa_at"
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class Pinned:
    """The online store at one state, whatever is put in meanwhile.

    Args:
        store: the store.
        state: one that it has.
    """

    def __init__(self, store: OnlineFeatures, state: Standing) -> None:
        self._store = store
        self.state = state

    def read(self, view: FeatureView, keys: Sequence[str], features: Sequence[str]) -> Mapping[str, OnlineRow]:
        """Return the rows of some entities by their keys, with the values of some features.

        Raises:
            FeatureError: the view was not materialized, or not since its definition changed; an unknown feature.
            OnlineStateLost: the state is gone.
        """
        online = self.state.views.get(view.name)
        if online is None or online.key != view.key:
            what = "it is not online yet" if online is None else "it changed since it was materialized"
            raise FeatureError(f"The feature view {view.name}", what, "Run `lagoa feature materialize`.")
        names = [each.name for each in view.features]
        for name in features:
            if name not in names:
                raise _unknown(f"The feature view {view.name}", "feature", name, names)
        return self._store.read(online.part, view, keys, [names.index(name) for name in features])


def pinned_again(store: OnlineFeatures, read: Callable[[Pinned], _T]) -> _T:
    """Read from the present state; where two newer ones came while it was read, from the newest, as a whole.

    Raises:
        FeatureError: nothing was materialized yet.
        OnlineStateLost: states came quicker than they were read, at every try.
    """

    def again() -> _T:
        state = store.standing()
        if state is None:
            raise FeatureError("The online store", "it has no features yet", "Run `lagoa feature materialize`.")
        return read(Pinned(store, state))

    return at_one_state(again)


@dataclass(frozen=True, slots=True)
class Answer:
    """Features of some entities.

    Attributes:
        commit: where all of them come from.
        rows: for each entity, the features under their names, null where nothing is known.
        moments: for each entity and view, from which moment on its features are known; None if they are not.
    """

    commit: str
    rows: tuple[dict[str, Any], ...]
    moments: tuple[dict[str, datetime | None], ...]


def read_online(store: OnlineFeatures, features: Sequence[str], entities: Sequence[Mapping[str, str]]) -> Answer:
    """Return features of entities from the online store.

    Args:
        store: the store.
        features: each as `view:feature`, or the name of a service or a view for all that it has.
        entities: the join keys of each, as text.

    Raises:
        FeatureError: an unknown feature or join key, one that is computed at request, or a key of another type.
    """
    definitions = applied(store)
    wanted = wanted_features(definitions, features)
    for entity in entities:
        _check_keys(definitions, wanted, entity)

    def read(pinned: Pinned) -> Answer:
        rows: list[dict[str, Any]] = [{} for _ in entities]
        moments: list[dict[str, datetime | None]] = [{} for _ in entities]
        for name, chosen in wanted.items():
            view = definitions.views[name]
            keys = [_key(view, entity) for entity in entities]
            found = pinned.read(view, keys, chosen)
            kinds = [feature.type for each in chosen if (feature := view.feature(each))]
            names = [f"{name}:{each}" for each in chosen]
            nothing = dict.fromkeys(names)
            for position, key in enumerate(keys):
                row = found.get(key)
                moments[position][name] = moment_of(row.moment) if row else None
                rows[position] |= zip(names, map(loaded, kinds, row.values), strict=True) if row else nothing
        return Answer(pinned.state.commit, tuple(rows), tuple(moments))

    return pinned_again(store, read)


def wanted_features(definitions: Definitions, features: Sequence[str]) -> dict[str, list[str]]:
    """Return the features of each view that some names stand for; see `read_online`."""
    wanted: dict[str, list[str]] = {}
    for text in features:
        for each in definitions.services.get(text, (text,)):
            name, _, feature = each.partition(":")
            if name in definitions.on_demand:
                advice = "Request it by Feast: FeatureStore(repo_path=…).get_online_features(…)."
                raise FeatureError(f"The feature {each}", "it is computed at the request", advice)
            if name not in definitions.views:
                known = [*definitions.services, *definitions.views]
                raise _unknown("The feature repository", "service or feature view", name, known)
            view = definitions.views[name]
            names = [one.name for one in view.features]
            if feature and feature not in names:
                raise _unknown(f"The feature view {name}", "feature", feature, names)
            chosen = wanted.setdefault(name, [])
            chosen += [one for one in ([feature] if feature else names) if one not in chosen]
    return wanted


def _check_keys(definitions: Definitions, wanted: Mapping[str, Sequence[str]], entity: Mapping[str, str]) -> None:
    needed = {key for name in wanted for key, _ in definitions.views[name].keys}
    missing, extra = sorted(needed - entity.keys()), sorted(entity.keys() - needed)
    if missing or extra:
        what = f"{', '.join(missing)} is missing" if missing else f"there is no join key {', '.join(extra)}"
        given = " ".join(f"{key}=…" for key in sorted(needed))
        raise FeatureError("The entity", what, f"Give {given}.")


def _key(view: FeatureView, entity: Mapping[str, str]) -> str:
    return entity_key(
        [_typed(name, kind, entity[name]) for (name, _), kind in zip(view.keys, view.key_types, strict=True)]
    )


def _typed(name: str, kind: str, text: str) -> Any:
    if kind not in {"INT32", "INT64"}:
        return text
    bits = int(kind.removeprefix("INT")) - 1
    if not _WHOLE.fullmatch(text) or not -(2**bits) <= int(text) < 2**bits:
        raise FeatureError(
            "The entity", f"{name} is {text!r}, and must be a whole number of {bits + 1} bits", "Correct it."
        )
    return int(text)


def _unknown(what: str, kind: str, name: str, known: Sequence[str]) -> FeatureError:
    reason = f"there is no {kind} {name!r}.{did_you_mean(name, known)}"
    return FeatureError(what, reason.rstrip("."), f"There are: {', '.join(known) or 'none'}.")


def read_at(
    context: LakeContext, ref: str, features: Sequence[str], entity: Mapping[str, str],
    moment: datetime,
) -> Answer:  # fmt: skip
    """Return features of one entity as they were known at a moment, from the tables at a ref.

    Args:
        context: the lake's.
        ref: of the tables.
        features: as of `read_online`.
        entity: its join keys, as text.
        moment: when.

    Raises:
        FeatureError: as of `read_online`.
        FeaturesGone, TableNotFound: there is no such commit, or it has no table of a view.
    """
    import pandas as pd

    from lagoa.features.entity_rows import entity_rows
    from lagoa.features.moments import moment_in_utc
    from lagoa.features.offline import features_at

    definitions = applied(context.online)
    wanted = wanted_features(definitions, features)
    _check_keys(definitions, wanted, entity)
    kinds = {
        key: kind
        for name in wanted
        for (key, _), kind in zip(definitions.views[name].keys, definitions.views[name].key_types, strict=True)
    }
    frame = pd.DataFrame([{**{key: _typed(key, kinds[key], text) for key, text in entity.items()}, _AT: moment}])
    tables = tables_at(context, ref)
    joined = []
    for name, chosen in wanted.items():
        view = definitions.views[name]
        known = Feature(_AT, "UNIX_TIMESTAMP", view.timestamp)
        named = [(each, f"{name}:{each}") for each in (*chosen, _AT)]
        dated = replace(view, features=(*view.features, known))
        joined.append(tables.wanted(dated, named, {key: key for key, _ in view.keys}))
    row = features_at(tables, entity_rows(frame, _AT), joined).to_pylist()[0]
    values = {f"{name}:{each}": row[f"{name}:{each}"] for name, chosen in wanted.items() for each in chosen}
    moments = {name: moment_in_utc(row[f"{name}:{_AT}"], definitions.views[name].zone) for name in wanted}
    return Answer(tables.commit, (values,), (moments,))
