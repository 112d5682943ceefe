"""Which class an upstream has, and why: evidence first, and without evidence the weakest."""

from datetime import date

from lethe.config.problems import ConfigPath, Findings, choice
from lethe.config.schema import ContractTable, UpstreamTable
from lethe.config.values import Address
from lethe.providers.rows import Provider
from lethe.retention.levels import UpstreamClass

CONTRACTS: dict[str, UpstreamClass] = {"zdr": UpstreamClass.U4}


def upstream_class(
    table: UpstreamTable, row: Provider | None, address: Address, path: ConfigPath, today: date, found: Findings
) -> tuple[UpstreamClass, str]:
    """The class and its reason. `row` is the preset that stands behind this very address, if one does."""
    declared = _declared(table, path, found)
    agreed = _agreed(table.contract, (*path, "contract"), today, found)
    if declared is not None:
        return declared, "declared by the operator, with a reason"
    if agreed is not None:
        return agreed, "contract on file"
    if row is not None:
        return row.default_class, f"{row.name}: {row.why}"
    if address.loopback and table.proxy is None:
        return UpstreamClass.U5, "on this machine; its flags are not verified"
    return UpstreamClass.U7, "nothing is known of it (declare class and reason, or a contract)"


def parse_class(value: str, path: ConfigPath, found: Findings) -> UpstreamClass | None:
    """None, and a problem, if there is no such class."""
    if value in UpstreamClass.__members__:
        return UpstreamClass[value]
    found.problem(path, "is not an upstream class", choice(value, UpstreamClass.__members__))
    return None


def _declared(table: UpstreamTable, path: ConfigPath, found: Findings) -> UpstreamClass | None:
    if table.class_ is None:
        if table.reason is not None:
            found.problem((*path, "reason"), "gives the reason of a class, and none is declared", "add class")
        return None
    if not (table.reason or "").strip():
        found.problem((*path, "reason"), "is missing", "say why the upstream has the class that is declared")
    return parse_class(table.class_, (*path, "class"), found)


def _agreed(contract: ContractTable | None, path: ConfigPath, today: date, found: Findings) -> UpstreamClass | None:
    """The class of a contract in force. One that has ended is worth a note, one that never ends is a mistake."""
    if contract is None:
        return None
    if contract.kind is None:
        found.problem((*path, "kind"), "is missing", choice("", CONTRACTS))
    elif contract.kind not in CONTRACTS:
        found.problem((*path, "kind"), "is not a kind of contract", choice(contract.kind, CONTRACTS))
    if contract.expires is None:
        found.problem((*path, "expires"), "is missing", "a contract counts until a date, for example 2027-03-01")
    elif contract.signed is not None and contract.signed > contract.expires:
        found.problem((*path, "expires"), "is before the day of signing")
    elif contract.expires < today:
        found.note(path, f"expired on {contract.expires.isoformat()}; the class is the default again")
    elif contract.signed is not None and contract.signed > today:
        found.note(path, f"counts from {contract.signed.isoformat()}; until then the class is the default")
    elif contract.kind in CONTRACTS:
        return CONTRACTS[contract.kind]
    return None
