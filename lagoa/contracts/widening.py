"""Which type holds the values of two: wider ones, and nested ones with further fields."""

from __future__ import annotations

from lagoa.contracts.iceberg_types import IcebergType, parse_type


def widened(was: str, found: str) -> str | None:
    """Return the type that holds all values of two types, if Iceberg can make the first that one; None if not.

    That is `int` to `long`, `float` to `double`, and a decimal to more digits.
    """
    one, other = parse_type(was), parse_type(found)
    if (one.name, other.name) in {("int", "long"), ("float", "double")}:
        return found
    more = one.name == other.name == "decimal" and one.numbers[1] == other.numbers[1]
    return found if more and one.numbers[0] < other.numbers[0] else None


def extended(was: str, found: str, *, widen: bool = False) -> tuple[str, list[str]]:
    """Return a nested type with the fields that another one has and it lacks after its own, and their paths.

    Args:
        was: the type.
        found: the other one; what is no struct on both sides stays as it is.
        widen: whether values inside also get the wider type of the two, where Iceberg can widen them.
    """
    paths: list[str] = []

    def both(path: str, one: IcebergType, other: IcebergType) -> IcebergType:
        if one.name != other.name or not one.parts:
            wider = widened(str(one), str(other)) if widen else None
            return one if wider is None else parse_type(wider)
        new = dict(other.parts)
        parts = [(name, both(f"{path}{name}.", kind, new.pop(name, kind))) for name, kind in one.parts]
        taken = {name.lower() for name, _ in one.parts}
        added = [(name, kind) for name, kind in new.items() if name.lower() not in taken]
        paths.extend(f"{path}{name}" for name, _ in added)
        return IcebergType(one.name, (), (*parts, *added))

    return str(both("", parse_type(was), parse_type(found))), paths


def holds(kind: str, found: str) -> bool:
    """Return whether values of a type that was found may be values of another: each is checked where they are read."""
    one, other = parse_type(kind), parse_type(found)
    if one.name == "decimal" and other.name == "decimal":
        whole = [each.numbers[0] - each.numbers[1] for each in (one, other)]
        return one.numbers[1] >= other.numbers[1] and whole[0] >= whole[1]
    wider = {
        "long": {"int"},
        "decimal": {"int", "long"},
        "float": {"int", "long", "decimal"},
        "double": {"int", "long", "float", "decimal"},
        "timestamp": {"date"},
        "timestamptz": {"timestamp", "date"},
    }
    return str(one) == str(other) or other.name in wider.get(one.name, ())
