"""Which columns of a file hold data of persons, by their names and by the formats of their values."""

from __future__ import annotations

import re

_FORMATS = {"cpf": "a CPF", "email": "an e-mail address"}

_PERSON = (
    "aluno|author|autor|beneficiario|cliente|client|comprador|contact|contato|customer|employee|funcionario|guest|mae|"
    "mother|father|medico|member|owner|paciente|patient|pai|person|pessoa|responsavel|socio|student|titular|user|"
    "usuario|vendedor"
)
_NAMES = {
    "the name of a person": re.compile(
        rf"^(nome|name)$|(^|_)((full|first|middle|last|given|family|sur|user)_?name|sobrenome)(_|$)|"
        rf"^nome_?(completo|social|da_|do_)|(^|_)nome_?({_PERSON})(_|$)|(^|_)({_PERSON})_?(nome|name)(_|$)"
    ),
    "a telephone number": re.compile(
        r"telefone|celular|telephone|whatsapp|(^|_)(phone|fone|tel|mobile|cell_?phone)(_|$)"
    ),
    "an address": re.compile(r"endereco|logradouro|street|(^|_)(rua|(?<!ip_)(?<!mac_)address)(_|$)"),
    "a date of birth": re.compile(r"nascimento|aniversario|birth|(^|_)(dt_?nasc|nasc|dob|born)(_|$)"),
    "an RG": re.compile(r"(^|_)(rg|registro_geral)(_|$)"),
    "a CPF": re.compile(r"(^|_)cpf(_|$)|^cpf|cpf$"),
    "an e-mail address": re.compile(r"(^|_)e_?mail(_|$)|^e_?mail"),
}
_ABOUT = re.compile(
    r"_(id|count|qtd|quantidade|type|tipo|status|length|size|verified|valid)$|^(id|qtd|tipo|is|has|tem)_"
)
"""Names of what is said about such a value: how many there are, of which type they are."""

_TYPES = re.compile(r"string|date|timestamp|long|int|decimal|struct|list")


def personal(name: str, kind: str, form: str | None) -> str:
    """Return what a column seems to hold of persons, such as `a telephone number`; empty for nothing.

    Args:
        name: its name in the table: lower-case ASCII, words separated by underscores.
        kind: its type, in Iceberg's spelling.
        form: the format that all its values have.
    """
    if form in _FORMATS:
        return _FORMATS[form]
    if _ABOUT.search(name) or not _TYPES.match(kind):
        return ""
    return next((what for what, pattern in _NAMES.items() if pattern.search(name)), "")
