"""`lagoa contract`: `infer.py` drafts contracts, `update.py` adds to them, `states.py` compares them with tables."""

from __future__ import annotations

import typer

from lagoa.cli.commands.contract.infer import contract_infer
from lagoa.cli.commands.contract.states import contract_apply, contract_diff
from lagoa.cli.commands.contract.update import contract_update

contract = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Data contracts: infer them from files and models, add to them, compare them with their tables, apply them.",
)
contract.command("infer")(contract_infer)
contract.command("update")(contract_update)
contract.command("diff")(contract_diff)
contract.command("apply")(contract_apply)
