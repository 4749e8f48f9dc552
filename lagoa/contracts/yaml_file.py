"""Reads one YAML file so that every value can be traced to its line, and turns pydantic's findings into errors there.

Only plain YAML is accepted: one document, no anchors, no merge keys, no repeated key, so that a contract says
everything where the reader looks for it.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lagoa.contracts.findings import Location, cleaned, explained, known_keys
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import ContractError, FileError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from lagoa.contracts.contract import Column, Contract

_Model = TypeVar("_Model", bound=BaseModel)

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 40
_WORD = 40
_WORDS = 10_000
_TEXT = "tag:yaml.org,2002:str"
_SCALARS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null", "timestamp"))
_BOOL = "tag:yaml.org,2002:bool"
_TRUTH = yaml.constructor.SafeConstructor.bool_values

# libyaml's parser, where PyYAML was built with it, is ten times as fast.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """PyYAML's safe loader, faster and with limited nesting.

    Whether a text is a number, a date or just text is decided once per text: contracts repeat the same words, and
    deciding takes longer than parsing. libyaml's composer has no limit: deep nesting would crash the process.
    """

    _tags: ClassVar[dict[str, str]] = {}
    _depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: object) -> None:
        """Go one level down; replaces the handling of path resolvers, which are not used."""
        del parent, index
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise RecursionError

    def ascend_resolver(self) -> None:
        """Go one level up."""
        self._depth -= 1

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:
        """Return the tag of a node."""
        if kind is not yaml.ScalarNode or value is None or not implicit[0] or len(value) > _WORD:
            return str(super().resolve(kind, value, implicit))
        tag = self._tags.get(value)
        if tag is None:
            if len(self._tags) > _WORDS:
                self._tags.clear()
            tag = self._tags[value] = str(super().resolve(kind, value, implicit))
        return tag


class _Collecting(AbstractContextManager[None]):
    """Collects the errors of its block; not a generator, as every column of every contract enters one."""

    __slots__ = ("faults",)

    def __init__(self, faults: list[FileError]) -> None:
        self.faults = faults

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, FileError):
            return False
        if error not in self.faults:
            self.faults.append(error)
        return True


class YamlFile:
    """A file's text as values, with the place of each.

    Attributes:
        path: the file.
        content: SHA-256 of its bytes.
        data: its content as plain dictionaries, lists and scalars.
        noun: what kind of file it is, for errors.
        advice: what to do if it is not such a file.
        failure: the class of its errors.
        hidden: keys of the file whose values no error shows.
        faults: the errors collected by `going_on`.
    """

    noun: ClassVar[str]
    advice: ClassVar[str]
    failure: ClassVar[type[FileError]]
    hidden: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            FileError: it cannot be read or is not plain YAML of keys and values; an instance of `failure`.
        """
        self.path = path
        self.faults: list[FileError] = []
        self._text = self._read()
        root = self._compose()
        if not isinstance(root, yaml.MappingNode):
            message = f"the file has no keys and values, so it is not a {self.noun}."
            raise self.failure(path, 1, message, self.advice)
        self._seen: set[int] = set()
        self.data: dict[str, Any] = self._value(root)

    def line(self, location: Location) -> int:
        """Return the line of a key or list item, or of the nearest one around it that is in the file; 1-based."""
        # Composed again: there are many nodes and only an error needs them, so they are not kept.
        node = self._compose()
        line = node.start_mark.line if node else 0
        for part in location:
            if isinstance(node, yaml.MappingNode):
                step = next(((value, key.start_mark.line) for key, value in node.value if key.value == part), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                step = (node.value[part], node.value[part].start_mark.line)
            else:
                step = None
            if step is None:
                break
            node, line = step
        return int(line) + 1

    def error(self, location: Location, message: str, advice: str = "") -> FileError:
        """Return an error with the line of a value."""
        return self.failure(self.path, self.line(location), message, advice)

    def known_column(self, contract: Contract, location: Location, name: str) -> Column:
        """Return the column of the contract that a value names; raise an error of the value if there is none."""
        column = contract.column(name)
        if column is None:
            known = [each.name for each in contract.all_columns]
            message = f"there is no column {name!r}.{did_you_mean(name, known)}"
            raise self.error(location, message, f"There are {', '.join(known)}.")
        return column

    def going_on(self) -> AbstractContextManager[None]:
        """Collect an error that the block raises and continue after it, so that all errors can be reported."""
        return _Collecting(self.faults)

    def stop_at_faults(self) -> None:
        """Raise the first collected error: the code that follows requires that there is none."""
        if self.faults:
            raise self.faults[0]

    def validate(
        self, model: type[_Model], value: Any, places: Mapping[str | int, Location] = MappingProxyType({})
    ) -> _Model:
        """Return `value` as an instance of `model`; unknown keys at any level are errors.

        Args:
            model: the expected model.
            value: the value in the file.
            places: where in the file its keys are, if `value` is not a part of the file as it is.

        Raises:
            FileError: an unknown key, a missing one, or a value of the wrong kind: the first one in the file.
        """
        try:
            return model.model_validate(value, strict=True, extra="forbid")
        except ValidationError as failure:
            found = [(cleaned(value, error["loc"]), error) for error in failure.errors(include_url=False)]
        # Every member of a union reports errors; the one that validated the deepest part is the intended one.
        deepest = [
            (place, error)
            for place, error in found
            if not any(len(other) > len(place) and other[: len(place)] == place for other, _ in found)
        ]
        errors: list[FileError] = []
        for place, error in deepest:
            where = places.get(place[0], place[:1]) + place[1:] if place else place
            hidden = where[:1] in {(key,) for key in self.hidden}
            errors.append(self.error(where, *explained(where, error, known_keys(model, place[:-1]), hidden=hidden)))
        errors.sort(key=lambda each: each.line or 0)
        self.faults += errors
        raise errors[0]

    def _read(self) -> str:
        content = b""
        try:
            content = self.path.read_bytes()
            self.content = hashlib.sha256(content).hexdigest()
            if len(content) > _MAX_BYTES:
                raise self.failure(self.path, None, f"the file is larger than {_MAX_BYTES:,} bytes.", self.advice)
            return content.decode("utf-8-sig")
        except OSError as error:
            advice = "Check its type and permissions."
            raise self.failure(self.path, None, f"it cannot be read: {error.strerror}.", advice) from error
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise self.failure(self.path, line, "the text is not UTF-8.", "Save the file as UTF-8.") from error

    def _compose(self) -> yaml.Node | None:
        try:
            node: yaml.Node | None = yaml.compose(self._text, _Loader)
        except RecursionError as error:
            raise self.failure(self.path, None, "the values are nested too deeply.", self.advice) from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = ", ".join(part for part in (error.context, error.problem) if part)
            line = mark.line + 1 if mark else None
            raise self.failure(self.path, line, f"this is not valid YAML: {said}.", "Fix the text there.") from error
        except yaml.YAMLError as error:
            said = " ".join(str(error).split())
            raise self.failure(self.path, None, f"this is not valid YAML: {said}.", "Fix the text.") from error
        return node

    def _value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._seen:
            raise self._at(node, "an alias (`*name`) uses this value.", "Write the value out where it is used.")
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item) for item in node.value]
        values: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag != _TEXT:
                raise self._at(key, "this key is not a text.", "Put the key in quotes; write `<<` keys out.")
            if key.value in values:
                raise self._at(key, f"the key {key.value!r} occurs twice.", "Remove one of them.")
            values[key.value] = self._value(value)
        return values

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag == _TEXT:
            if "\0" in node.value:
                raise self._at(node, "the text contains a NUL character.", "Remove it.")
            return node.value
        if node.tag == _BOOL and node.value.lower() in _TRUTH:
            return _TRUTH[node.value.lower()]
        if node.tag not in _SCALARS:
            raise self._at(node, f"values tagged {node.tag} are not allowed.", "Write it as text, in quotes.")
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, KeyError, AttributeError) as error:
            advice = "Fix it, or put it in quotes if it is text."
            reason = f": {error}" if isinstance(error, ValueError) else ""
            raise self._at(node, f"{node.value!r} is not a valid value{reason}.", advice) from error

    def _at(self, node: yaml.Node, message: str, advice: str) -> FileError:
        return self.failure(self.path, node.start_mark.line + 1, message, advice)


def declaration_files(
    folder: Path, kind: type[YamlFile], stray: str, others: Collection[str] = (".md",)
) -> tuple[list[Path], list[FileError]]:
    """Return the files `*.yaml` in a folder, by name, and an error for each that nothing reads; it need not exist.

    Args:
        folder: the folder.
        kind: what its files are read as.
        stray: what to do with a file that nothing reads.
        others: the endings of files that may be there besides.
    """
    found: list[Path] = []
    faults: list[FileError] = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_dir() or path.name.startswith(".") or path.suffix in others:
            continue
        if path.suffix == ".yaml" and path.parent == folder:
            found.append(path)
        else:
            faults.append(kind.failure(path, None, "nothing reads this file.", stray))
    return found, faults


class ContractFile(YamlFile):
    """A data contract's text as values; its errors are `ContractError`."""

    noun = "contract"
    advice = "Start from a contract that works, or create one with `lagoa contract infer`."
    failure = ContractError
