"""Which columns `infer` classifies as personal."""

from __future__ import annotations

import pytest

from lagoa.formats.shared.personal import personal


@pytest.mark.parametrize(
    ("name", "kind", "what"),
    [
        ("nome", "string", "the name of a person"),
        ("name", "string", "the name of a person"),
        ("customer_name", "string", "the name of a person"),
        ("nome_da_mae", "string", "the name of a person"),
        ("last_name", "string", "the name of a person"),
        ("telefone_1", "string", "a telephone number"),
        ("phone", "long", "a telephone number"),
        ("nr_celular", "string", "a telephone number"),
        ("endereco_cobranca", "string", "an address"),
        ("billing_address", "string", "an address"),
        ("address", "struct<1: street: string>", "an address"),
        ("data_nascimento", "date", "a date of birth"),
        ("dt_nasc", "string", "a date of birth"),
        ("birth_date", "timestamp", "a date of birth"),
        ("rg", "string", "an RG"),
        ("cpf_cliente", "long", "a CPF"),
        ("e_mail", "string", "an e-mail address"),
    ],
)
def test_a_column_of_persons(name: str, kind: str, what: str) -> None:
    assert personal(name, kind, None) == what


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("product_name", "string"),
        ("file_name", "string"),
        ("nome_municipio", "string"),
        ("name_length", "long"),
        ("cargo", "string"),
        ("ip_address", "string"),
        ("address_id", "long"),
        ("telefone_qtd", "int"),
        ("email_valid", "string"),
        ("has_phone", "string"),
        ("email", "boolean"),
        ("phone", "double"),
        ("energia", "string"),
        ("hotel", "string"),
        ("airborne", "string"),
    ],
)
def test_a_column_of_something_else(name: str, kind: str) -> None:
    assert personal(name, kind, None) == ""


def test_the_format_of_all_values_decides_whatever_the_name_is() -> None:
    assert personal("campo_7", "string", "email") == "an e-mail address"
    assert personal("uf", "string", "uf") == ""
