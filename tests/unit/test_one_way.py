"""What is written in one place only: quoting in SQL, what is offered for an unknown word, rewriting of data files.

A second way would need what these tests look for. They do not find one that needs none of it.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import lagoa

PACKAGE = Path(lagoa.__file__).parent
QUOTES = ("'", '"', "`")
SUGGESTING = {"SequenceMatcher", "get_close_matches", "rapidfuzz", "jellyfish", "Levenshtein"}
REWRITING = {"_OverwriteFiles", "_DeleteFiles", "delete_data_file"}
REPLACING = {"replaced_files", "rows_by_file"}


def doubles_quotes(tree: ast.Module) -> bool:
    """Return whether a quote is doubled: `.replace("'", "''")`, or `quoted=True` of sqlglot."""
    calls = [node for node in nodes(tree) if isinstance(node, ast.Call)]
    texts = [[getattr(each, "value", None) for each in call.args] for call in calls]
    named = [(word.arg, getattr(word.value, "value", None)) for call in calls for word in call.keywords]
    return ("quoted", True) in named or any([quote, quote * 2] in texts for quote in QUOTES)


@cache
def nodes(tree: ast.Module) -> list[ast.AST]:
    """Return all nodes of a module."""
    return list(ast.walk(tree))


def suggests(tree: ast.Module) -> bool:
    """Return whether words are compared by similarity, or a suggestion is worded."""
    worded = (node for node in nodes(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return bool(names(tree) & SUGGESTING) or any(each.value.startswith(" Did you mean") for each in worded)


@cache
def names(tree: ast.Module) -> set[str]:
    """Return every name that a module imports, reads or calls."""
    found: set[str] = set()
    for node in nodes(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                found |= {each.name.partition(".")[0] for each in node.names}
            case ast.Name():
                found.add(node.id)
            case ast.Attribute():
                found.add(node.attr)
    return found


def modules(matches) -> set[str]:
    """Return the modules of Lagoa that match."""
    assert len(parsed()) > 100
    return {name for name, tree in parsed().items() if matches(tree)}


@cache
def parsed() -> dict[str, ast.Module]:
    """Return each module of Lagoa, parsed once for all tests."""
    return {str(file.relative_to(PACKAGE)): ast.parse(file.read_text("utf-8")) for file in PACKAGE.rglob("*.py")}


def test_one_module_quotes_in_sql() -> None:
    assert modules(doubles_quotes) == {"domain/sql_names.py"}


def test_one_module_offers_what_was_meant() -> None:
    assert modules(suggests) == {"domain/suggestions.py"}


def test_one_module_decides_which_data_files_a_write_replaces() -> None:
    rewriting = modules(lambda tree: names(tree) & REWRITING)
    staging = {"write/rewrite.py", "write/target.py", "write/transactions.py"}
    assert rewriting == staging, "what stages the files of every write, and of a rewrite with the same rows"
    users = modules(lambda tree: names(tree) & REPLACING)
    assert users == {"write/merge.py", "write/overwrite.py", "write/scd2.py"}


@pytest.mark.parametrize(
    ("matches", "text"),
    [
        (doubles_quotes, """name.replace("'", "''")"""),
        (doubles_quotes, """'"' + name.replace('"', '""') + '"'"""),
        (doubles_quotes, "exp.to_identifier(name, quoted=True)"),
        (suggests, "from difflib import get_close_matches"),
        (suggests, "difflib.SequenceMatcher(None, a, b)"),
        (suggests, """f"There is no {name}." + f" Did you mean {other}?" """),
        (lambda tree: names(tree) & REWRITING, "overwrite.delete_data_file(file)"),
    ],
)
def test_a_second_way_is_found(matches, text) -> None:
    assert matches(ast.parse(text))
    assert not matches(ast.parse("name.replace('a', 'b')"))
