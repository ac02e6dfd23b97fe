"""Every kind of statement in PostgreSQL's grammar: its verb, its effects, and which fields name what it writes.

A kind that is not here is unknown, and may do anything.
"""

from dataclasses import dataclass

from gateway.core.operation import Effect

_READ = frozenset((Effect.READ,))
_WRITE = frozenset((Effect.WRITE,))
_DEFINE = frozenset((Effect.DEFINE,))
_CONTROL = frozenset((Effect.CONTROL,))
_RUN = frozenset((Effect.RUN,))
_TRANSFER = frozenset((Effect.TRANSFER,))
_NONE: frozenset[Effect] = frozenset()


@dataclass(frozen=True, slots=True)
class Kind:
    """`writes`: fields that hold relations which the statement changes. `skips`: fields that are looked at apart."""

    verb: str
    effects: frozenset[Effect]
    writes: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()


def _defining(verb: str, names: str, *writes: str, more: frozenset[Effect] = _NONE) -> dict[str, Kind]:
    return {f"{name}Stmt": Kind(verb, _DEFINE | more, writes) for name in names.split()}


KINDS: dict[str, Kind] = {
    "SelectStmt": Kind("select", _READ),
    "InsertStmt": Kind("insert", _WRITE, ("relation",)),
    "UpdateStmt": Kind("update", _WRITE, ("relation",)),
    "DeleteStmt": Kind("delete", _WRITE, ("relation",)),
    "MergeStmt": Kind("merge", _WRITE, ("relation",)),
    "CopyStmt": Kind("copy", _NONE, skips=("relation", "query")),
    "ExplainStmt": Kind("explain", _READ, skips=("query",)),
    "PrepareStmt": Kind("prepare", _NONE, skips=("query",)),
    "ExecuteStmt": Kind("execute", _NONE),
    "DeallocateStmt": Kind("deallocate", _NONE),
    "DeclareCursorStmt": Kind("declare", _NONE, skips=("query",)),
    "FetchStmt": Kind("fetch", _READ),
    "ClosePortalStmt": Kind("close", _NONE),
    "CreateTableAsStmt": Kind("create", _WRITE | _DEFINE, ("into",), ("query",)),
    "RefreshMatViewStmt": Kind("refresh", _WRITE, ("relation",)),
    "TruncateStmt": Kind("truncate", _WRITE, ("relations",)),
    "DoStmt": Kind("do", _RUN),
    "CallStmt": Kind("call", _RUN),
    "TransactionStmt": Kind("begin", _NONE),
    "VariableSetStmt": Kind("set", _NONE),
    "VariableShowStmt": Kind("show", _READ),
    "ConstraintsSetStmt": Kind("set", _NONE, skips=("constraints",)),
    "DiscardStmt": Kind("discard", _NONE),
    "ListenStmt": Kind("listen", _CONTROL),
    "UnlistenStmt": Kind("unlisten", _CONTROL),
    "NotifyStmt": Kind("notify", _CONTROL),
    "LockStmt": Kind("lock", _CONTROL, ("relations",)),
    "VacuumStmt": Kind("vacuum", _CONTROL, ("rels",)),
    "ClusterStmt": Kind("cluster", _CONTROL, ("relation",)),
    "ReindexStmt": Kind("reindex", _CONTROL, ("relation",)),
    "CheckPointStmt": Kind("checkpoint", _CONTROL),
    "AlterSystemStmt": Kind("alter", _CONTROL),
    "LoadStmt": Kind("load", _CONTROL | _RUN),
    "GrantStmt": Kind("grant", _DEFINE, skips=("objects",)),
    "GrantRoleStmt": Kind("grant", _DEFINE),
    "CommentStmt": Kind("comment", _DEFINE, skips=("object",)),
    "SecLabelStmt": Kind("security-label", _DEFINE, skips=("object",)),
    "ReassignOwnedStmt": Kind("reassign", _DEFINE),
    "ImportForeignSchemaStmt": Kind("import", _DEFINE, skips=("table_list",)),
    "CreateSchemaStmt": Kind("create", _DEFINE, skips=("schemaElts",)),
    "CreateTrigStmt": Kind("create", _DEFINE, ("relation",), ("funcname",)),
    "CreateEventTrigStmt": Kind("create", _DEFINE, skips=("funcname",)),
    "CreateFunctionStmt": Kind("create", _DEFINE, skips=("funcname",)),
    "RenameStmt": Kind("alter", _DEFINE, ("relation",), ("object",)),
    **_defining("create", "Create Index Rule", "relation"),
    **_defining("create", "CreateForeignTable", "base"),
    **_defining("create", "View", "view"),
    **_defining("create", "CreateSeq", "sequence"),
    **_defining("create", "CreatePolicy", "table"),
    **_defining("create", "CompositeType", "typevar"),
    **_defining("create", "CreateExtension CreatePLang", more=_RUN),
    **_defining("create", "CreateSubscription", more=_TRANSFER),
    **_defining(
        "create",
        "Createdb CreateTableSpace CreateRole CreateDomain CreateEnum CreateRange CreateOpClass CreateOpFamily"
        " CreateCast CreateConversion CreateTransform CreateAm CreateFdw CreateForeignServer CreateUserMapping"
        " CreatePublication CreateStats Define",
    ),
    **_defining("alter", "AlterTable AlterObjectSchema AlterOwner AlterObjectDepends", "relation"),
    **_defining("alter", "AlterSeq", "sequence"),
    **_defining("alter", "AlterPolicy", "table"),
    **_defining("alter", "AlterExtension", more=_RUN),
    **_defining("alter", "AlterSubscription", more=_TRANSFER),
    **_defining(
        "alter",
        "AlterDatabase AlterDatabaseSet AlterDatabaseRefreshColl AlterRole AlterRoleSet AlterDomain AlterEnum"
        " AlterType AlterFunction AlterOperator AlterOpFamily AlterCollation AlterTSDictionary"
        " AlterTSConfiguration AlterStats AlterEventTrig AlterExtensionContents AlterFdw AlterForeignServer"
        " AlterUserMapping AlterPublication AlterDefaultPrivileges AlterTableMoveAll AlterTableSpaceOptions",
    ),
    **_defining("drop", "Drop Dropdb DropRole DropOwned DropTableSpace DropUserMapping DropSubscription"),
}

TRANSACTIONS = {
    "TRANS_STMT_BEGIN": "begin",
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_COMMIT": "commit",
    "TRANS_STMT_ROLLBACK": "rollback",
    "TRANS_STMT_SAVEPOINT": "savepoint",
    "TRANS_STMT_RELEASE": "release",
    "TRANS_STMT_ROLLBACK_TO": "rollback",
    "TRANS_STMT_PREPARE": "prepare-transaction",
    "TRANS_STMT_COMMIT_PREPARED": "commit",
    "TRANS_STMT_ROLLBACK_PREPARED": "rollback",
}
TWO_PHASES = ("TRANS_STMT_PREPARE", "TRANS_STMT_COMMIT_PREPARED", "TRANS_STMT_ROLLBACK_PREPARED")
"""They outlive their session, and any session may end them."""
