"""LangFlow's migrations, read and judged without running them. Pure functions over their text.

The question: may the version before run on the schema after? Then nodes can be upgraded one by one. A new
table, a new index, a new column that the old version need not know are harmless. Whatever else is done, or cannot be
read from the text, is taken as harmful: the price of a wrong "yes" is an outage, that of a wrong "no" is
an announced one.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

HARMLESS = frozenset({"get_bind", "get_context", "f", "batch_alter_table", "create_table"})
READERS = frozenset({"table_exists", "column_exists", "foreign_key_exists", "constraint_exists", "inspect"})  # fmt: skip
"""Functions that may be given the connection: `langflow.utils.migration`, and SQLAlchemy's inspection."""
CONNECTIONS = frozenset({"conn", "connection", "bind", "session"})
RUNS_SQL = frozenset({"execute", "exec", "exec_driver_sql", "scalar", "scalars"})
UNDERSTOOD = re.compile(
    r"alembic\.op|sqlalchemy(\..+)?|sqlmodel(\..+)?|langflow\.utils\.migration(\..+)?|lfx\.log\..+"
)
"""What a script may import, besides Python's own modules, without doing by it what is not seen here."""
CONTRACT = re.compile(r"^\s*Phase:\s*CONTRACT\b", re.M)
"""How LangFlow marks what takes something away (alembic/DB-MIGRATION-GUIDE.MD)."""


class UnknownRevisionError(Exception):
    """The database has a revision that the release does not know: a newer LangFlow made it."""


@dataclass(frozen=True, slots=True)
class Harm:
    """One thing that the version before may not survive; `table`: the one it is done to, "" when not known."""

    what: str
    table: str = ""


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration script."""

    revision: str
    parents: tuple[str, ...]
    title: str
    creates: frozenset[str]
    """Tables that it makes."""
    harms: tuple[Harm, ...]


def _constants(module: ast.Module) -> dict[str, str]:
    """Return the module's texts by name."""
    found = {}
    for name, value in _assignments(module):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            found[name] = value.value
    return found


def _imports(module: ast.Module) -> Iterator[str]:
    """Yield what is imported anywhere, in full: `from a import b` is a.b."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                yield target.id, value


def _literal(module: ast.Module, name: str) -> object:
    for found, value in _assignments(module):
        if found == name:
            return ast.literal_eval(value)
    raise ValueError(f"it has no {name}")


def parse(text: str, name: str) -> Migration | None:
    """Read one script, None when it is no migration; raises ValueError with `name` when it cannot be read."""
    try:
        module = ast.parse(text)
        if "revision" not in dict(_assignments(module)):
            return None
        revision, parents = _literal(module, "revision"), _literal(module, "down_revision")
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error
    title = (ast.get_docstring(module) or name).splitlines()[0].strip().rstrip(".")
    reader = _Reader(module)
    reader.read()
    if CONTRACT.search(ast.get_docstring(module) or ""):
        reader.harms.insert(
            0, Harm("LangFlow marks it as CONTRACT: older versions must be stopped")
        )
    return Migration(
        revision=str(revision),
        parents=(parents,) if isinstance(parents, str) else tuple(parents or ()),  # type: ignore[arg-type]
        title=title,
        creates=frozenset(reader.creates),
        harms=tuple(dict.fromkeys(reader.harms)),
    )


class _Reader:
    """What `upgrade()`, and the functions of the module that it names, do."""

    def __init__(self, module: ast.Module) -> None:
        self.module = module
        self.texts = _constants(module)
        self.functions = {n.name: n for n in module.body if isinstance(n, ast.FunctionDef)}
        self.op = {
            alias.asname or alias.name
            for node in ast.walk(module)
            if isinstance(node, ast.ImportFrom) and node.module == "alembic"
            for alias in node.names
            if alias.name == "op"
        }
        self.batches: dict[int, str] = {}
        """Where in the text a batch is named → the table that it changes."""
        self.opened: set[int] = set()
        self.connections = set(CONNECTIONS)
        self.creates: set[str] = set()
        self.harms: list[Harm] = []

    def read(self) -> None:
        """Fill `creates` and `harms`."""
        if "upgrade" not in self.functions:
            self.harms.append(Harm("has no function upgrade()"))
            return
        self.harms += [
            Harm(f"uses {name}, which is not read")
            for name in _imports(self.module)
            if not UNDERSTOOD.fullmatch(name) and name.split(".")[0] not in sys.stdlib_module_names
        ]
        bodies = [node for function in self._reached() for node in ast.walk(function)]
        calls = [node for node in bodies if isinstance(node, ast.Call)]
        for node in bodies:
            if isinstance(node, ast.With):
                self._batch(node)
            elif isinstance(node, ast.Assign) and _callee(node.value) == "get_bind":
                self.connections |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        for call in calls:
            self._parameters(call)
        for call in calls:
            self._call(call)
        self._unread(bodies, {id(call.func) for call in calls})

    def _unread(self, bodies: list[ast.AST], called: set[int]) -> None:
        """Note every use of the schema's operations that is not a plain call of one."""
        plain = set()
        for node in bodies:
            if isinstance(node, ast.Attribute) and self._works(node) and id(node) in called:
                plain.add(id(node.value))
        for node in bodies:
            if isinstance(node, ast.Name) and self._is_operations(node) and id(node) not in plain:
                self.harms.append(Harm(f"uses {node.id} in a way that cannot be read"))

    def _parameters(self, call: ast.Call) -> None:
        """Know the connection by the name that a function of the module has for it."""
        function = self.functions.get(_callee(call))
        if function is not None:
            names = [parameter.arg for parameter in function.args.args]
            given = [*zip(names, call.args, strict=False)]
            given += [(keyword.arg or "", keyword.value) for keyword in call.keywords]
            self.connections |= {name for name, value in given if self._is_connection(value)}

    def _reached(self) -> list[ast.FunctionDef]:
        """Return upgrade() and what it names, in the order in which they are met."""
        found = [self.functions["upgrade"]]
        for function in found:
            for node in ast.walk(function):
                named = self.functions.get(node.id) if isinstance(node, ast.Name) else None
                if named is not None and named not in found:
                    found.append(named)
        return found

    def _batch(self, block: ast.With) -> None:
        for item in block.items:
            call, alias = item.context_expr, item.optional_vars
            if not (isinstance(call, ast.Call) and _callee(call) == "batch_alter_table"):
                continue
            self.opened.add(id(call))
            table = self._text(_argument(call, 0, "table_name"))
            for node in (node for statement in block.body for node in ast.walk(statement)):
                if (
                    isinstance(node, ast.Name)
                    and isinstance(alias, ast.Name)
                    and node.id == alias.id
                ):
                    self.batches[id(node)] = table

    def _works(self, node: ast.Attribute) -> bool:
        """Tell whether this is an operation on the schema: of `op`, or of a table's batch."""
        return isinstance(node.value, ast.Name) and self._is_operations(node.value)

    def _is_operations(self, node: ast.Name) -> bool:
        return node.id in self.op or id(node) in self.batches

    def _text(self, node: ast.expr | None) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return self.texts.get(node.id, "") if isinstance(node, ast.Name) else ""

    def _call(self, call: ast.Call) -> None:
        callee = _callee(call)
        if isinstance(call.func, ast.Attribute) and self._works(call.func):
            self._operation(call, callee, self.batches.get(id(call.func.value)))
        elif isinstance(call.func, ast.Attribute) and callee in RUNS_SQL:
            if not _only_reads(call):
                self.harms.append(Harm("runs SQL of its own"))
        elif callee not in READERS and callee not in self.functions:
            for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
                if self._is_connection(argument):
                    self.harms.append(Harm(f"gives the database to {ast.unparse(call.func)}"))

    def _is_connection(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.connections
        return isinstance(node, ast.Call) and _callee(node) == "get_bind"

    def _operation(self, call: ast.Call, name: str, batch: str | None) -> None:
        """Judge one operation; `batch`: the table of the batch that it belongs to, None outside of one."""
        if name == "create_table":
            self.creates.add(self._text(_argument(call, 0, "table_name")))
        if name in HARMLESS and (name != "batch_alter_table" or id(call) in self.opened):
            return
        place = (
            1
            if name in ("create_index", "drop_index", "drop_constraint", "create_unique_constraint")
            else 0
        )
        table = self._text(_argument(call, place, "table_name")) if batch is None else batch
        if name == "add_column":
            what = _column_harm(_argument(call, 0 if batch is not None else 1, "column"))
        elif name == "create_index":
            unique = _argument(call, 99, "unique")
            harmless = unique is None or _is(unique, False)
            what = "" if harmless else "forbids equal values that were allowed"
        elif name == "bulk_insert":
            what = "writes rows"
        else:
            what = name.replace("_", " ")
        if what:
            self.harms.append(Harm(f"{what}{f' ({table})' if table else ''}", table))


def _callee(node: ast.expr) -> str:
    """Return the last word of what is called, "" for anything else."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    named = (keyword.value for keyword in call.keywords if keyword.arg == name)
    return call.args[place] if place < len(call.args) else next(named, None)


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _column_harm(column: ast.expr | None) -> str:
    """Return why rows that the old version writes would not fit a new column, "" when they do."""
    if not isinstance(column, ast.Call) or _callee(column) != "Column":
        return "adds a column that cannot be read"
    if any(keyword.arg is None for keyword in column.keywords):
        return "adds a column that cannot be read"
    nullable, default = _argument(column, 99, "nullable"), _argument(column, 99, "server_default")
    for name in ("unique", "primary_key"):
        given = _argument(column, 99, name)
        if given is not None and not _is(given, False):
            return "adds a column of a key"
    if nullable is None or _is(nullable, True):
        return ""
    if not _is(nullable, False) or default is None or _is_none(default):
        return "adds a column that must be filled, without a default"
    return ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _only_reads(call: ast.Call) -> bool:
    """Tell whether what is executed is a SELECT, in words or built by SQLAlchemy."""
    node = call.args[0] if call.args else None
    if isinstance(node, ast.Call) and _callee(node) == "text" and node.args:
        node = node.args[0]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return bool(re.match(r"\s*SELECT\b(?!.*\b(INTO|FOR\s+UPDATE)\b)", node.value, re.I | re.S))
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "select" and isinstance(node.func.value, ast.Name):
            return True
        node = node.func.value
    return False


def graph(scripts: Mapping[str, str]) -> dict[str, Migration]:
    """Return the migrations of a release by revision; `scripts`: file name → text."""
    read = (parse(text, name) for name, text in sorted(scripts.items()))
    return {migration.revision: migration for migration in read if migration}


def heads(migrations: Mapping[str, Migration]) -> tuple[str, ...]:
    """Return the revisions that nothing comes after: what the schema of the release is at."""
    parents = {parent for migration in migrations.values() for parent in migration.parents}
    return tuple(sorted(migrations.keys() - parents))


def pending(migrations: Mapping[str, Migration], at: Collection[str]) -> list[Migration]:
    """Return what a database at these revisions waits for, parents first; raises UnknownRevisionError."""
    if unknown := sorted(set(at) - migrations.keys()):
        raise UnknownRevisionError(", ".join(unknown))
    done: set[str] = set()
    todo = list(at)
    while todo:
        revision = todo.pop()
        if revision not in done:
            done.add(revision)
            todo += migrations[revision].parents
    order: list[Migration] = []
    while len(done) < len(migrations):
        ready = sorted(
            revision
            for revision, migration in migrations.items()
            if revision not in done and done.issuperset(migration.parents)
        )
        if not ready:
            raise ValueError("a migration follows one that is not there")
        done.update(ready)
        order += [migrations[revision] for revision in ready]
    return order


def harms(waiting: Iterable[Migration]) -> dict[str, tuple[str, ...]]:
    """Return by migration what the version before may not survive; empty: the two may run beside each other.

    What is done to a table that one of these migrations makes concerns nobody yet.
    """
    known = list(waiting)
    new = frozenset().union(*(migration.creates for migration in known)) - {""}
    found = {
        f"{m.revision} ({m.title})": tuple(h.what for h in m.harms if h.table not in new)
        for m in known
    }
    return {name: reasons for name, reasons in found.items() if reasons}
