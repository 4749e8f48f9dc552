"""`lagoa contract`."""

from __future__ import annotations

from command_line import lagoa, ok, write


def test_contract_infer_does_not_write_over_one(lake, tmp_path):
    people = tmp_path / "people.csv"
    assert lagoa(lake, "contract", "infer", people, "--table", "bronze.people").code == 1
    ok(lake, "contract", "infer", people, "--table", "bronze.people", "--force")
    assert lagoa(lake, "contract", "infer", tmp_path / "none.csv", "--table", "bronze.none").code == 1
    (lake / "iceberg" / "bronze" / "people.odcs.yaml").write_text("kind: DataContract\n", "utf-8")
    wrong = lagoa(lake, "check")
    assert wrong.code == 1
    assert "people.odcs.yaml" in wrong.out


def test_contract_infer_takes_several_files_into_a_layer(lake, tmp_path):
    write(tmp_path, "Nova Lista.JSONL", '{"id": 1}\n')
    files = [tmp_path / "people.csv", tmp_path / "Nova Lista.JSONL"]
    done = lagoa(lake, "contract", "infer", *files, "--layer", "bronze")
    assert (done.code, "people.odcs.yaml exists already" in done.err) == (1, True)
    assert not (lake / "iceberg" / "bronze" / "nova_lista.odcs.yaml").exists()
    ok(lake, "contract", "infer", *files, "--layer", "bronze", "--force")
    assert ok(lake, "check").out.startswith("2 contracts, ")
    twice = lagoa(lake, "contract", "infer", files[1], write(tmp_path, "nova-lista.json", "[]"), "--layer", "raw")
    assert (twice.code, "are both of raw.nova_lista" in twice.err) == (1, True)
    mixed = lagoa(lake, "contract", "infer", *files, "--table", "bronze.x")
    assert (mixed.code, "it has another format than people.csv" in mixed.err) == (1, True)
    assert lagoa(lake, "contract", "infer", files[0]).code == 2


def test_contract_infer_takes_a_folder_and_what_is_known(lake, tmp_path):
    folder = tmp_path / "caged"
    folder.mkdir()
    for month in (1, 2):
        write(folder, f"MOV20260{month}.txt", f"relatório\n2026-0{month};-1;1.234\n2026-0{month};1;5.678\nfim\n")
    options = ["--no-header", "--names", "mes,saldo,n", "--skip", 1, "--footer", 1, "--null", "-1:saldo"]
    done = ok(
        lake,
        "contract",
        "infer",
        folder,
        "--table",
        "bronze.mov",
        *options,
        "--decimal",
        ",",
        "--delimiter",
        ";",
        "--explain",
    )
    assert "header: false, since the names are given\n" in done.out
    assert "n: long, whole numbers in all 4 values\n" in done.out
    assert "mov.odcs.yaml is written; " in done.out
    text = (lake / "iceberg" / "bronze" / "mov.odcs.yaml").read_text("utf-8")
    assert 'file: "MOV*.txt"' in text
    assert '{property: lagoa.nulls, value: ["-1"]}' in text
    ok(lake, "ingest", folder)
    rows = ok(lake, "sql", "select saldo, n from bronze.mov order by n", "--json").json()["rows"]
    assert rows == [[None, 1234], [None, 1234], [1, 5678], [1, 5678]]
    wrong = (["--date", "yyyy"], ["--delimiter", ";;"], ["--encoding", "none"], ["--decimal", ",", "--thousands", ","])
    for option in wrong:
        assert lagoa(lake, "contract", "infer", folder, "--table", "bronze.other", *option).code == 2


def test_contract_diff_says_what_the_next_write_does(lake):
    assert ok(lake, "contract", "diff").out == "As in their contracts: 1 table.\n"
    path = lake / "iceberg" / "bronze" / "people.odcs.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("name: city", "name: town"), "utf-8")
    refused = lagoa(lake, "contract", "diff", "bronze.people")
    assert refused.code == 1
    assert "! city string. Refused: it may be the former name of town, which is new" in refused.out
    assert "Writes to bronze.people are refused" in refused.err
    renamed = "name: town\n        customProperties: [{property: lagoa.formerName, value: city}]"
    path.write_text(text.replace("name: city", renamed), "utf-8")
    assert "~ town: city -> town. Evolves: renamed; the values stay.\n" in ok(lake, "contract", "diff").out
    (told,) = ok(lake, "contract", "diff", "--ref", "main", "--json").json()
    assert (told["table"], told["state"]) == ("bronze.people", "different")
    assert told["differences"][0]["effect"] == "evolves"
    applied = ok(lake, "contract", "apply", "--json").json()
    assert applied["tables"] == [{"table": "bronze.people"}]
    assert applied["publication"]["tables"] == ["bronze.people"]
    assert ok(lake, "sql", "select town from bronze.people where id = 1").out.split()[-2:] == ["Belém,", "PA"]
    assert "Nothing new" in ok(lake, "contract", "apply", "bronze.people").err
    assert lagoa(lake, "contract", "diff", "bronze.none").code == 1
    path.write_text(text.replace("bronze.people", "bronze.others").replace("name: people", "name: others"), "utf-8")
    path.rename(path.with_name("others.odcs.yaml"))
    shown = ok(lake, "contract", "diff").out
    assert "bronze.people has no contract: nothing writes to it or publishes it.\n" in shown
    assert "Not at main yet, created by the first write: bronze.others.\n" in shown


def test_a_contract_that_is_not_applied_stops_other_tables_and_the_command_that_applies_it_is_named(lake, tmp_path):
    other = write(tmp_path, "pets.csv", "id,name\n1,Rex\n")
    ok(lake, "contract", "infer", other, "--table", "bronze.pets")
    contract = lake / "iceberg/bronze/people.odcs.yaml"
    wider = contract.read_text("utf-8").replace(
        "      - name: city", "      - {name: phone, physicalType: string}\n      - name: city"
    )
    contract.write_text(wider, "utf-8")
    failed = lagoa(lake, "ingest", other, "--into", "bronze.pets")
    assert (failed.code, "bronze.people/schema: phone is missing" in failed.err) == (3, True)
    command, branch = failed.err.split("`lagoa ")[-1].split("`")[0], failed.err.split("block ")[1].split(":")[0]
    assert command == f"contract apply --branch {branch}"
    ok(lake, *command.split())
    ok(lake, "publish", branch)
