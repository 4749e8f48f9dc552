"""What Trino is told: access rules from the policy and the contracts, its users, its certificate, its further files."""

from __future__ import annotations

import json
import ssl
import stat

import bcrypt
import pytest
from checkout import ROOT
from command_line import lagoa, ok
from lakes import LakeFolder

from lagoa.contracts import Contracts
from lagoa.errors import ContractError, InvalidName, SettingsError, StackError
from lagoa.formats import FORMATS
from lagoa.stack.credentials import Credentials
from lagoa.stack.manifest import read_manifest
from lagoa.stack.policy import read_policy
from lagoa.stack.servers.server import Site
from lagoa.stack.servers.trino import TRINO
from lagoa.stack.servers.trino.certificate import make_certificate
from lagoa.stack.servers.trino.rules import FILE, write_rules
from lagoa.stack.servers.trino.users import Users

PERSONAL = ("customer_id", "customer_unique_id", "zip_code_prefix", "city")
"""Of gold.dim_customer of the reference lake."""

POLICY = 'masked = ["personal", "secret"]\n[layers]\nreader = ["gold"]\nengineer = ["silver", "gold"]\n'


@pytest.fixture
def folder(tmp_path):
    """Make a lake with contracts and a policy."""
    folder = LakeFolder(tmp_path / "lake")
    folder.file("infra/policy.toml", POLICY)
    personal = {"physicalType": "string", "classification": "personal", "lagoa.formerName": "call"}
    folder.contract("gold.customers", {"id": "long*", "phone": personal, "code": {"physicalType": "string"}})
    folder.contract("silver.sales", {"id": "long*", "why": {"physicalType": "string", "classification": "secret"}})
    folder.contract("bronze.sales", "id:long*")
    return folder


def rules(folder):
    contracts = Contracts.load(folder.root / "iceberg", FORMATS)
    write_rules(folder.root, folder.root, contracts)
    return json.loads((folder.root / FILE).read_text())


class TestRules:
    def test_each_layer_is_for_its_roles_and_what_contracts_classify_is_null_under_all_its_names(self, folder):
        lake = [rule for rule in rules(folder)["tables"] if rule["catalog"] == "lake|lake_pinned"]
        common = {"catalog": "lake|lake_pinned", "privileges": ["SELECT"]}

        def null(*names):
            return [{"name": name, "mask": "NULL"} for name in ("$partition", *names)]

        assert lake == [
            {
                **common,
                "group": "reader|engineer",
                "schema": "gold",
                "table": "customers",
                "columns": null("call", "phone"),
            },
            {**common, "group": "engineer", "schema": "silver", "table": "sales", "columns": null("why")},
        ]

    def test_what_is_not_allowed_is_denied_as_lists_that_are_missing_would_allow(self, folder):
        found = rules(folder)
        for name in ("functions", "procedures", "impersonation", "authorization", "system_information"):
            assert found[name] == []
        assert found["schemas"] == []
        assert found["catalogs"][-1] == {"allow": "none"}
        assert found["system_session_properties"][0] == {"property": "query_max_.*", "allow": False}

    def test_owners_write_in_their_sandboxes_what_has_no_masks_and_what_is_their_own(self, folder):
        folder.contract("gold.sales", "id:long*")
        for name, role in (("ana.souza", "engineer"), ("bo", "engineer"), ("rui", "reader")):
            Users(folder.root).add(name, role)
        found = rules(folder)
        lagoa, *of_owners = (rule for rule in found["tables"] if "user" in rule)
        assert lagoa["catalog"] == "model_[a-z0-9_]+"
        assert lagoa["privileges"] == ["SELECT", "INSERT"]
        own = {"group": "engineer", "privileges": ["SELECT", "INSERT", "UPDATE", "DELETE", "OWNERSHIP", "GRANT_SELECT"]}
        ana = {"user": r"ana\.souza", "catalog": "sandbox_ana_souza(_[a-z0-9_]*)?", **own}
        bo = {"user": "bo", "catalog": "sandbox_bo(_[a-z0-9_]*)?", **own}
        gold = {"schema": "gold", "table": "sales", "filter": "true"}
        assert of_owners == [{**ana, **gold}, {**ana, "schema": "own"}, {**bo, **gold}, {**bo, "schema": "own"}]
        assert [(rule["user"], rule["schema"]) for rule in found["schemas"]] == [(r"ana\.souza", "own"), ("bo", "own")]
        of_sandboxes = [rule for rule in found["tables"] if rule["catalog"] == "sandbox_[a-z0-9_]+"]
        assert {rule["filter"] for rule in of_sandboxes} == {"true"}

    def test_a_column_that_was_masked_stays_so_until_its_contract_has_it_unclassified(self, folder):
        rules(folder)

        def masked():
            found, sandboxes = [rule for rule in rules(folder)["tables"] if rule.get("table") == "customers"]
            assert found.get("columns") == sandboxes.get("columns")
            return [column["name"] for column in found.get("columns", ())]

        folder.contract("gold.customers", "id:long* code:string")  # a rollback brings the column back
        assert masked() == ["$partition", "call", "phone"]
        folder.contract("gold.customers", "id:long* code:string phone:string")
        assert masked() == ["$partition", "call"]
        folder.contract("gold.customers", "id:long* code:string phone:string call:string")
        assert masked() == []

    def test_a_policy_that_cannot_be_read_leaves_the_rules_as_they_were(self, folder):
        before = rules(folder)
        folder.file("infra/policy.toml", "masked")
        with pytest.raises(SettingsError):
            rules(folder)
        assert json.loads((folder.root / FILE).read_text()) == before

    def test_a_wrong_contract_does_not_hold_up_a_start(self, tmp_path):
        folder = LakeFolder(tmp_path / "lake")
        folder.file("infra/policy.toml", POLICY)
        credentials = Credentials(tmp_path / "credentials.json")
        site = Site("trino", folder.root, tmp_path / "trino", credentials, read_manifest(ROOT))
        TRINO.configure(site, tmp_path)
        before = (site.folder / FILE).read_text()
        folder.contract("gold.customers", "id:long*")
        folder.file("iceberg/gold/sales.odcs.yaml", "kind: [")
        TRINO.configure(site, tmp_path)
        with pytest.raises(ContractError):
            TRINO.make_ready(site)
        assert (site.folder / FILE).read_text() == before

    def test_those_of_the_reference_lake_mask_the_keys_of_customers(self, tmp_path):
        write_rules(ROOT, tmp_path, Contracts.load(ROOT / "iceberg", FORMATS))
        tables = json.loads((tmp_path / FILE).read_text())["tables"]
        masked = {
            f"{each['schema']}.{each.get('table')}": [c["name"] for c in each.get("columns", ())] for each in tables
        }
        assert masked["gold.dim_customer"] == ["$partition", *sorted(PERSONAL)]
        assert masked["gold.kpi_sales_daily"] == []
        assert not [name for name in masked if name.startswith("bronze.")]

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "masked = [",
            'masked = ["personal"]\n',
            'masked = "personal"\n[layers]\nreader = ["gold"]\n',
            'masked = []\n[layers]\npublisher = ["gold"]\n',
            'masked = []\n[layers]\nreader = ["gold|.*"]\n',
            "masked = []\nother = 1\n[layers]\n",
        ],
    )
    def test_a_policy_that_says_something_else_is_refused(self, folder, text):
        path = folder.root / "infra/policy.toml"
        path.unlink()
        if text is not None:
            path.write_text(text)
        with pytest.raises(SettingsError, match=r"policy\.toml"):
            read_policy(folder.root)


class TestUsers:
    def test_who_is_added_has_a_role_and_a_password_of_which_the_hash_alone_is_kept(self, tmp_path):
        users = Users(tmp_path)
        users.prepare("of Lagoa's own")
        password = users.add("ana.souza", "reader")
        assert users.add("bo", "engineer") != password
        assert users.all() == {"ana.souza": "reader", "bo": "engineer"}
        assert (tmp_path / "users/groups").read_text() == "reader:ana.souza\nengineer:bo\n"
        first = (tmp_path / "users/passwords").read_text().splitlines()[0]
        name, _, hashed = first.partition(":")
        assert name == "ana.souza"
        assert hashed.startswith("$2y$")
        assert bcrypt.checkpw(password.encode(), hashed.encode())
        users.prepare("of Lagoa's own")
        users.remove("bo")
        assert users.all() == {"ana.souza": "reader"}
        for path in (tmp_path / "users").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path

    @pytest.mark.parametrize("name", ["", "Ana", "a:b", "a,b", "a\nb", "1a", "a b", "é", "a" * 64])
    def test_a_name_that_would_break_the_files_is_refused(self, tmp_path, name):
        with pytest.raises(InvalidName, match="not a valid user name"):
            Users(tmp_path).add(name, "reader")

    def test_an_engineer_is_in_the_rules_before_they_can_sign_in_and_shares_no_sandboxes(self, tmp_path):
        seen = []
        users = Users(tmp_path, lambda: seen.append((users.engineers(), list(users.all()))))
        users.add("ana", "engineer")
        users.add("rui", "reader")
        assert seen == [(["ana"], [])]
        for name in ("ana_x", "ana.x", "ana-x"):
            with pytest.raises(StackError, match="would be those of 'ana'"):
                users.add(name, "engineer")
        users.add("ana.x", "reader")
        users.add("anabel", "engineer")
        assert users.engineers() == ["ana", "anabel"]

    def test_nobody_is_added_twice_or_removed_who_is_not_there(self, tmp_path):
        users = Users(tmp_path)
        users.add("ana", "reader")
        with pytest.raises(StackError, match="there is a user 'ana'"):
            users.add("ana", "engineer")
        with pytest.raises(StackError, match="there is no user 'bo'"):
            users.remove("bo")
        assert users.all() == {"ana": "reader"}

    def test_who_signs_in_at_keycloak_has_no_password_here_and_a_name_of_their_own(self, tmp_path):
        seen, made = [], []

        def make():
            made.append(users.engineers())
            return "first"

        users = Users(tmp_path, lambda: seen.append(users.engineers()))
        users.prepare("of Lagoa's own")
        users.add("ana", "engineer")
        assert users.add_person("bo", "engineer", make) == "first"
        assert users.add_person("rui", "reader", make) == "first"
        assert (made, seen) == ([["ana", "bo"]] * 2, [["ana"], ["ana", "bo"]])
        assert users.all() == {"ana": "engineer"}
        assert "bo" not in (tmp_path / "users/groups").read_text() + (tmp_path / "users/passwords").read_text()
        for add in (users.add, lambda name, role: users.add_person(name, role, make)):
            for name in ("ana", "bo", "rui"):
                with pytest.raises(StackError, match=f"there is a user '{name}'"):
                    add(name, "reader")
            with pytest.raises(StackError, match="would be those of 'bo'"):
                add("bo.x", "engineer")
            with pytest.raises(InvalidName):
                add("_lagoa", "engineer")
        assert len(made) == 2

    def test_somebody_whom_keycloak_does_not_take_is_not_kept_and_one_it_does_not_have_is_told(self, tmp_path):
        users = Users(tmp_path)

        def fail():
            raise StackError("keycloak", "it does not answer.", "")

        with pytest.raises(StackError, match="does not answer"):
            users.add_person("bo", "engineer", fail)
        assert users.engineers() == []
        users.add_person("bo", "engineer", lambda: "first")
        with pytest.raises(StackError, match="does not answer"):
            users.remove_person("bo", fail)
        assert users.engineers() == ["bo"]
        users.remove_person("bo", lambda: False)  # they were removed on Keycloak's own page
        assert users.engineers() == []
        users.remove_person("ana", lambda: True)  # they were added there
        with pytest.raises(StackError, match="there is no user 'ana'"):
            users.remove_person("ana", lambda: False)

    @pytest.mark.parametrize("volumes", [False, True])
    def test_the_commands(self, folder, tmp_path, volumes):
        port = '[trino]\nmodule = "lagoa.stack"\nport = 8443\n'
        folder.file("infra/stack.toml", port)
        where = ("--volumes", tmp_path / "volumes") if volumes else ()
        password = ok(folder.root, "stack", "user", "add", "ana", "--role", "engineer", *where).out.strip()
        assert len(password) == 32
        assert ok(folder.root, "stack", "user", "list", "--json", *where).json() == [
            {"name": "ana", "role": "engineer"}
        ]
        assert "ana   engineer" in ok(folder.root, "stack", "user", "list", *where).out
        kept = (tmp_path / "volumes" if volumes else folder.root / ".lagoa/stack") / "trino/users"
        assert password not in "".join(path.read_text() for path in kept.iterdir())
        assert lagoa(folder.root, "stack", "user", "add", "bo", "--role", "publisher", *where).code == 2
        ok(folder.root, "stack", "user", "remove", "ana", *where)
        assert ok(folder.root, "stack", "user", "list", "--json", *where).json() == []
        folder.file("infra/stack.toml", port.replace("trino", "audit"))
        refused = lagoa(folder.root, "stack", "user", "list", *where)
        assert (refused.code, "no server of the stack" in refused.err) == (1, True)

    def test_no_link_in_the_volume_is_followed(self, folder, tmp_path):
        """The command runs as root there, and Trino may write it."""
        folder.file("infra/stack.toml", '[trino]\nmodule = "lagoa.stack"\nport = 8443\n')
        other = tmp_path / "volumes/vault"
        other.mkdir(parents=True)
        (tmp_path / "volumes/trino").mkdir()
        (tmp_path / "volumes/trino/users").symlink_to(other)
        command = ("stack", "user", "add", "ana", "--role", "reader", "--volumes", tmp_path / "volumes")
        refused = lagoa(folder.root, *command)
        assert (refused.code, "trino/users is a link" in refused.err) == (1, True)
        assert list(other.iterdir()) == []

    def test_the_commands_say_why_nobody_signs_in_at_keycloak(self, folder, tmp_path):
        servers = "".join(f'[{name}]\nmodule = "lagoa.stack"\nport = 8443\n' for name in ("trino", "nessie"))
        folder.file("infra/stack.toml", servers)
        command = ("stack", "user", "add", "ana", "--sign-in", "keycloak")
        refused = lagoa(folder.root, *command)
        assert (refused.code, "keycloak: it is no server of the stack" in refused.err) == (1, True)
        folder.file("infra/stack.toml", f'{servers}[keycloak]\nmodule = "lagoa.stack"\nport = 1\n')
        refused = lagoa(folder.root, *command)
        assert (refused.code, "nobody signs in at Keycloak on this stack" in refused.err) == (1, True)
        servers = servers.replace("[nessie]", "[nessie]\nsign_in = true")
        folder.file("infra/stack.toml", f'{servers}[keycloak]\nmodule = "lagoa.stack"\nport = 1\n')
        (folder.root / "infra/keycloak").symlink_to(ROOT / "infra/keycloak")
        refused = lagoa(folder.root, *command)
        assert (refused.code, "`lagoa stack up --only keycloak` starts it" in refused.err) == (1, True)
        assert lagoa(folder.root, *command, "--volumes", tmp_path).code == 2


class TestSignIn:
    """The settings; `tests/stack/test_trino_sign_in.py` signs in by them."""

    @pytest.mark.parametrize("sign_in", [False, True])
    def test_people_sign_in_at_keycloak_where_roles_do(self, folder, tmp_path, sign_in):
        manifest = read_manifest(ROOT)
        manifest["nessie"] = manifest["nessie"].model_copy(update={"sign_in": sign_in})
        site = Site("trino", folder.root, tmp_path / "trino", Credentials(tmp_path / "credentials.json"), manifest)
        launch = TRINO.configure(site, tmp_path)
        text = (site.folder / "etc/config.properties").read_text()
        assert f"authentication.type={'PASSWORD,OAUTH2' if sign_in else 'PASSWORD'}\n" in text
        assert ("oauth2.client-secret=${ENV:TRINO_OAUTH2_SECRET}\n" in text) is sign_in
        assert ("oauth2" in text, "TRINO_OAUTH2_SECRET" in launch.environment) == (sign_in, sign_in)
        assert not [each for each in launch.environment.values() if each.rpartition(":")[2] in text]


class TestCertificate:
    def test_it_is_made_once_and_clients_that_are_strict_trust_it(self, tmp_path):
        authority, server = tmp_path / "ca.pem", tmp_path / "server.pem"
        make_certificate(authority, server, "trino")
        before = server.read_bytes()
        make_certificate(authority, server, "trino")
        assert server.read_bytes() == before
        assert stat.S_IMODE(server.stat().st_mode) == 0o600
        assert b"PRIVATE KEY" not in authority.read_bytes()
        for name in ("localhost", "127.0.0.1", "trino"):
            assert handshake(authority, server, name)
        with pytest.raises(ssl.SSLCertVerificationError, match="example"):
            handshake(authority, server, "example.org")

    def test_one_of_two_files_is_not_enough(self, tmp_path):
        make_certificate(tmp_path / "ca.pem", tmp_path / "server.pem", "trino")
        (tmp_path / "ca.pem").unlink()
        make_certificate(tmp_path / "ca.pem", tmp_path / "server.pem", "trino")
        assert handshake(tmp_path / "ca.pem", tmp_path / "server.pem", "trino")


def handshake(authority, server, name):
    """Sign in to a server by its name, in memory; return the version that was agreed upon."""
    mine, theirs = ssl.create_default_context(cafile=authority), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    mine.verify_flags |= ssl.VERIFY_X509_STRICT
    theirs.load_cert_chain(server)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = mine.wrap_bio(to_client, to_server, server_hostname=name)
    peer = theirs.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, peer):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.version()
