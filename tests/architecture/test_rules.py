"""The rules of the house that an import contract cannot say: those are in pyproject.toml."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.architecture.ranks import RANKS, Rank, part_of_feature, rank_of
from tests.support.source import MODULES, Module, offences

# Whoever starts a process reads its environment: nobody else builds settings.
ENTRY_POINTS = ("cli", "asgi", "settings", "migrations.env")


# An extra, the Redis client, the migrations, Rich: loaded where they are used.
HIDDEN_IMPORTS = (
    "asgi",
    "cli.commands",
    "cli.output",
    "observability.tracing",
    "runtime",
    "settings.addresses",
    "starting",
    "stores.factory",
    "web.fastapi_parts",
)


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if re.fullmatch(pattern, name)]


def test_the_rules_look_at_the_whole_package() -> None:
    names = {module.name for module in MODULES}
    assert {"", "app", "work", "db.paging", "features.accounts.repository"} <= names


def test_a_module_opens_with_a_sentence_that_says_what_it_is_for() -> None:
    def missing(module: Module) -> list[str]:
        opening = (ast.get_docstring(module.tree) or "").split("\n", 1)[0]
        is_sentence = re.fullmatch(r"\S.{8,}[.:]", opening)
        return [] if is_sentence or not module.tree.body else [opening]

    assert not offences(missing)


def test_a_repository_is_private_to_its_feature() -> None:
    def foreign(module: Module) -> list[str]:
        own = ".".join(module.name.split(".")[:2])
        found = matching(r"gatepost\.features\.\w+\.repository(\..+)?", module.imported)
        return [name for name in found if not name.startswith(f"gatepost.{own}.")]

    assert not offences(foreign), "call that feature's service"


def test_only_work_begins_and_ends_transactions() -> None:
    def ending(module: Module) -> list[str]:
        return matching(r".+\.(commit|rollback|begin)", module.spoken)

    own = ("transaction", "stores.database", "migrations")
    assert not offences(ending, but=own), "ask for a Work, or commit_and_release() of it"


def test_only_work_sends_statements_past_the_session() -> None:
    """Such a statement commits itself, so what decides on it has to know of the transaction."""

    def sending(module: Module) -> list[str]:
        spoken = matching(r".+\.(raw_connection|driver_connection|autocommit)", module.spoken)
        return spoken + matching(r"gatepost\.db\.autocommit\..+", module.imported)

    own = ("db", "transaction", "runtime", "migrations", "transfer")
    assert not offences(sending, but=own), "ask for work.fetch_one, or work.insert_all"


def test_only_repositories_and_the_database_layer_build_queries() -> None:
    def building(module: Module) -> list[str]:
        if module.last_name == "repository":
            return []
        built = matching(r"sqlalchemy\.(select|insert|update|delete|text|func)", module.imported)
        return built + matching(r"(.+\.)?db\.\w+", module.called)

    own = ("transaction", "stores.database", "db", "migrations", "transfer")
    assert not offences(building, but=own), "a repository does that"


def test_only_one_module_makes_savepoints() -> None:
    """Whoever makes one has to know what becomes of it in a deadlock."""

    def nesting(module: Module) -> list[str]:
        return matching(r".+\.begin_nested", module.spoken)

    assert not offences(nesting, but=("db.savepoints",)), "use savepoints.unless_taken"


def test_only_the_clock_asks_what_time_it_is() -> None:
    """A resource server has a clock of its own; `time.monotonic` measures durations anywhere."""
    asking = r"(.+\.)?(datetime\.(now|utcnow|today)|date\.today|time\.time(_ns)?)"

    def asks(module: Module) -> list[str]:
        return matching(asking, module.spoken | module.imported)

    assert not offences(asks, but=("clock", "client")), "use work.now"


def test_only_who_starts_a_process_reads_the_environment_and_builds_settings() -> None:
    def reads(module: Module) -> list[str]:
        environment = matching(r"os\.(environb?|getenvb?)", module.spoken | module.imported)
        return environment + matching(r"\w*Settings|.+\.from_environment", module.called)

    assert not offences(reads, but=ENTRY_POINTS), "settings are passed"


def test_a_module_of_a_feature_imports_none_of_a_higher_rank() -> None:
    def higher(module: Module) -> Iterator[str]:
        if place := part_of_feature(module):
            for (feature, part), rank in RANKS.items():
                if feature == place[0] and rank > RANKS[place]:
                    yield from matching(rf"gatepost\.features\.{feature}\.{part}", module.imported)

    assert not offences(higher)


def test_stories_and_data_know_no_http() -> None:
    def speaks_http(module: Module) -> list[str]:
        if rank_of(module) in {None, Rank.HTTP}:
            return []
        http = r"(fastapi|starlette|gatepost\.web)\..+"
        return matching(http, module.imported)

    assert not offences(speaks_http)


def test_stories_take_values_and_no_wire_schemas() -> None:
    """Pages, the console and the command line are faces on the same stories."""

    def knows_the_wire(module: Module) -> list[str]:
        if rank_of(module) in {None, Rank.HTTP} or module.last_name == "schemas":
            return []
        return matching(r"gatepost\.features\.\w+\.schemas\..+", module.imported)

    assert not offences(knows_the_wire)


def test_imports_are_absolute() -> None:
    def relative(module: Module) -> Iterator[str]:
        for node in module.nodes:
            if isinstance(node, ast.ImportFrom) and node.level:
                yield ast.unparse(node)

    assert not offences(relative)


def test_no_function_hides_an_import() -> None:
    """Except where something is loaded that few starts need: an extra, the Redis client, Rich."""

    def hidden(module: Module) -> Iterator[str]:
        for function in module.nodes:
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        yield f"{function.name}: {ast.unparse(node)}"

    assert not offences(hidden, but=HIDDEN_IMPORTS)


def test_type_checkers_see_the_imports_that_python_sees() -> None:
    """But in the package's own two faces, which are loaded at first use."""

    def pretends(module: Module) -> list[str]:
        is_face = module.name in {"", "client"}
        return [] if is_face else matching(r"typing\.TYPE_CHECKING", module.imported)

    assert not offences(pretends)


def test_a_story_promises_something() -> None:
    """Each public function of a story's module, unless it takes nothing but the work."""

    def silent(module: Module) -> Iterator[str]:
        if rank_of(module) is not Rank.STORIES:
            return
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                private = node.name.startswith("_") or len(node.args.args) < 2
                if not private and not ast.get_docstring(node):
                    yield node.name

    assert not offences(silent)


def test_only_one_module_normalises_text() -> None:
    """There the run of combining marks is bounded, which else takes quadratic time."""

    def normalises(module: Module) -> list[str]:
        return matching(
            r"(.+\.)?unicodedata\.(is_)?normali[sz]ed?", module.spoken | module.imported
        )

    assert not offences(normalises, but=("normal_form",)), "use normal_form.normalise"


def test_no_module_reads_headers_by_the_standard_librarys_parsers() -> None:
    """They take quadratic time for some fields."""

    def parses(module: Module) -> list[str]:
        own = matching(r"(email\.message|http\.cookies|cgi)(\..+)?", module.imported)
        return own + matching(r".*(request|connection|websocket)\.cookies", module.spoken)

    assert not offences(parses), "read the field itself"
