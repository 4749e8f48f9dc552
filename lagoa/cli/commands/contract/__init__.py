"""`lagoa contract`: `infer.py` drafts contracts from files, `states.py` compares them with their tables."""

from __future__ import annotations

import typer

from lagoa.cli.commands.contract.infer import contract_infer
from lagoa.cli.commands.contract.states import contract_apply, contract_diff

contract = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Data contracts: infer one from a file, compare them with their tables, apply them.",
)
contract.command("infer")(contract_infer)
contract.command("diff")(contract_diff)
contract.command("apply")(contract_apply)
