"""Columns of digits that are codes, not numbers: by their names, and by their check digits."""

from __future__ import annotations

import re

_ALWAYS = re.compile(
    r"cpf|cnpj|cep|zip|postal|phone|telefone|celular|fone|cnes|cnae|ibge|matricula|"
    r"(^|_)cbo|(^|_)(ddd|rg|ean|gtin|isbn|ncm|nis|pis|pasep|nire|crm)(_|$)"
)
_OF_ONE_LENGTH = re.compile(
    r"^cod|codigo|^id_|"
    r"(^|_)(cod|code|cd|co|nr|sq|num_titulo|inscricao|protocolo|municipio|uasg|siafi|subclasse)(_|$)"
)
_QUANTITY = re.compile(
    r"(^|_)(idade|ano|mes|dia|hora|qtd|qt|quantidade|valor|vl|vr|total|turno|ordem|dias|anos|parcelas?)(_|$)"
)
_SHORTEST = 2


def code_name(name: str, lengths: set[int]) -> str | None:
    """Return why a column of digits is one of codes by its name; None if the name does not say so.

    Args:
        name: the column's.
        lengths: how many digits its values have.
    """
    if _ALWAYS.search(name):
        return "digits, and by its name a code, not a number"
    if _OF_ONE_LENGTH.search(name) and not _QUANTITY.search(name) and len(lengths) == 1 and max(lengths) >= _SHORTEST:
        return f"digits, by its name a code, and all of {max(lengths)} digits"
    return None


def named_code(name: str) -> bool:
    """Return whether a name is one of codes, whatever their length."""
    return bool(_ALWAYS.search(name) or (_OF_ONE_LENGTH.search(name) and not _QUANTITY.search(name)))
