"""Every fault is found, and its repaired twin is silent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from reference.agents.diff.compute import hunks_of
from reference.agents.interfaces import Context
from reference.agents.performance import PerformanceSpecialist
from reference.agents.types import AgentReport, Change, ChangedFile, Role, Status


@dataclass(frozen=True)
class Tree:
    texts: dict[str, str]

    def paths(self) -> list[str]:
        return sorted(self.texts)

    def read(self, path: str) -> str | None:
        return self.texts.get(path)

    def grep(self, word: str, among: list[str]) -> list[str]:
        return [p for p in among if word in self.texts[p]]


def review(
    after: str, before: str = "", path: str = "app/views.py", others: dict[str, str] | None = None
) -> AgentReport:
    file = ChangedFile(
        path, "modified" if before else "added", Role.SOURCE, "python",
        hunks=hunks_of(before, after), before=before or None, after=after,
    )  # fmt: skip
    change = Change("memory", "a", "b", (file,), snapshot=Tree(others or {}))
    return asyncio.run(PerformanceSpecialist().review(Context(change, (path,))))


def rules(report: AgentReport) -> list[str]:
    return [one.rule.split("/")[1] for one in report.findings]


def loop(body: str, head: str = "for x in xs:", before: str = "pass", after: str = "pass") -> str:
    return f"def work(xs, ys):\n    {before}\n    {head}\n        {body}\n    {after}\n"


def function(*lines: str, head: str = "def work(a, b):") -> str:
    return "\n    ".join((head, *lines)) + "\n"


Q, R, LAZY = "query-in-loop", "request-in-loop", "lazy-load-in-loop"
IN, SCAN, TEXT = "list-membership", "list-scan", "string-concatenation"
COPY, SAME, BLOCK, OPEN = "copied-each-step", "invariant-in-loop", "blocking-in-async", "resource-not-closed"
FRONT = "front-of-list"
ASYNC = "async def work(a, b):"
PAIRS = {
    "django get": (Q, loop("u = User.objects.get(pk=x)"), loop("pass", before="u = User.objects.in_bulk(xs)")),
    "django chain": (Q, loop("u = User.objects.filter(k=x).first()"), loop("u = by_k[x]")),
    "django few": (Q, loop("u = User.objects.get(pk=x)"), loop("u = User.objects.get(pk=x)", "for x in (1, 2, 3):")),
    "sqlalchemy get": (Q, loop("u = session.get(User, x)"), loop('u = session.get("name", x)')),
    "sqlalchemy scalars": (
        Q,
        loop("u = db.session.scalars(pick(x))"),
        loop("use(x)", "for x in session.scalars(pick()):"),
    ),
    "cursor": (
        Q,
        loop('cursor.execute("select 1 where a = ?", (x,))'),
        loop("pass", before='cursor.executemany("insert", xs)'),
    ),
    "statements": (Q, loop('conn.execute("select ?", [x])'), loop("conn.execute(x)")),
    "batches": (
        Q,
        loop("f(Row.objects.filter(id__in=x))"),
        loop("f(Row.objects.filter(id__in=batch))", "for batch in ys:"),
    ),
    "steps": (
        Q,
        loop("Row.objects.filter(k=x)", "for x in range(len(xs)):"),
        loop("Row.objects.all()[x:x + 9]", "for x in range(0, 99, 9):"),
    ),
    "mongo": (Q, loop("d = users.find_one({'k': x})"), loop("use(x)", "for x in users.find({'k': {'$in': xs}}):")),
    "redis": (Q, loop("redis_client.get(x)"), loop("pass", before="redis_client.mget(xs)")),
    "peewee": (Q, loop("Person.get(Person.name == x)"), loop("settings.get(x)")),
    "listcomp": (
        Q,
        "r = [User.objects.get(pk=i) for i in ids]\n",
        "r = [u for u in User.objects.filter(pk__in=ids)]\n",
    ),
    "generator": (Q, "r = sum(User.objects.get(pk=i).n for i in ids)\n", "r = sum(u.n for u in User.objects.all())\n"),
    "helper": (
        Q,
        "def one(k):\n    return User.objects.get(pk=k)\n" + loop("one(x)"),
        "def one(k):\n    return k\n" + loop("one(x)"),
    ),
    "method": (
        Q,
        loop("self.one(x)") + "class A:\n    def one(self, k):\n        return session.query(k)\n",
        loop("self.one(x)"),
    ),
    "search": (
        Q,
        loop("u = User.objects.get(pk=x)"),
        "def f(xs):\n    for x in xs:\n        u = User.objects.get(pk=x)\n        return u\n",
    ),
    "requests": (R, loop("requests.get(x)"), loop("requests.get(x)", "for x in range(3):")),
    "httpx": (R, loop("httpx.post(u, json=x)"), loop("pass", before="httpx.post(u, json=xs)")),
    "retry": (R, loop("requests.get(x)"), loop("requests.get(attempt)", "for attempt in limits:")),
    "lazy": (
        LAZY,
        loop("use(x.author.name)", "for x in Post.objects.all():"),
        loop("use(x.author.name)", 'for x in Post.objects.select_related("author"):'),
    ),
    "lazy by name": (
        LAZY,
        loop("use(x.author.name)", before="xs = Post.objects.all()"),
        loop("use(x.author.name)", before='xs = Post.objects.prefetch_related("author")'),
    ),
    "lazy comp": (
        LAZY,
        "r = [p.tag.name for p in Post.objects.all()]\n",
        "r = [p.name.lower() for p in Post.objects.all()]\n",
    ),
    "lazy alchemy": (
        LAZY,
        loop("use(x.a.b)", "for x in session.query(P).all():"),
        loop("use(x.a.b)", "for x in session.query(P).options(joinedload(P.a)).all():"),
    ),
    "membership": (
        IN,
        loop("use(x in known)", before="known = [y.id for y in ys]"),
        loop("use(x in known)", before="known = {y.id for y in ys}"),
    ),
    "seen": (
        IN,
        loop("if x not in seen: seen.append(x)", before="seen = []"),
        loop("if x not in seen: seen.add(x)", before="seen = set()"),
    ),
    "tiny": (IN, loop("use(x in k)", before="k = list(ys)"), loop("use(x in k)", before="k = [1, 2, 3]")),
    "handful": (
        SCAN,
        loop("if x not in kinds: kinds.append(x)", before="kinds = []"),
        loop("if x not in kinds: kinds.add(x)", before="kinds = set()"),
    ),
    "selection": (
        SCAN,
        loop("use(x in mine)", before="mine = [y for y in ys if y.changed]"),
        loop("use(x in mine)", before="mine = {y for y in ys if y.changed}"),
    ),
    "index": (SCAN, loop("k.index(x)", before="k = sorted(ys)"), loop("k.index(x)", before="k = 'abc'")),
    "front": (FRONT, loop("k.insert(0, x)", before="k = []"), loop("k.append(x)", before="k = []")),
    "pop": (FRONT, loop("k.pop(0)", before="k = list(ys)"), loop("k.pop()", before="k = list(ys)")),
    "text": (TEXT, loop("s += x", before="s = ''"), loop("s += x", before="s = 0")),
    "text joined": (TEXT, loop("s += f'{x}'", before="s = 'a'"), loop("s.append(x)", before="s = []")),
    "list": (COPY, loop("k = k + [x]", before="k = []"), loop("k += [x]", before="k = []")),
    "dict": (COPY, loop("k = {**k, x: 1}", before="k = {}"), loop("k[x] = 1", before="k = {}")),
    "frame": (COPY, loop("k = pd.concat([k, x])", before="k = None"), loop("pass", after="k = pd.concat(xs)")),
    "regex": ("regex-in-loop", loop("re.compile('a')"), loop("re.compile(x)")),
    "sorted": (SAME, loop("use(sorted(ys), x)"), loop("use(sorted(x), x)")),
    "max": (SAME, loop("use(x / max(xs))"), loop("use(x / top)", before="top = max(xs)")),
    "changed": (SAME, loop("use(sum(ys))"), loop("ys.append(x); use(sum(ys))")),
    "file": (SAME, loop("use(open('a'))"), loop("use(open(x))")),
    "fib": (
        "exponential-recursion",
        "def f(n):\n    return f(n - 1) + f(n - 2)\n",
        "@cache\ndef f(n):\n    return f(n - 1) + f(n - 2)\n",
    ),
    "sleep": (BLOCK, function("time.sleep(1)", head=ASYNC), function("await asyncio.sleep(1)", head=ASYNC)),
    "fetch": (
        BLOCK,
        function("requests.get(a)", head=ASYNC),
        function("await to_thread(lambda: requests.get(a))", head=ASYNC),
    ),
    "process": (BLOCK, function("subprocess.run(a)", head=ASYNC), function("subprocess.run(a)")),
    "open": (OPEN, function("f = open(a)", "use(f.read())"), function("with open(a) as f:", "    use(f.read())")),
    "open closed": ("file-left-to-collector", function("return open(a).read()"), function("f = open(a)", "f.close()")),
    "socket": (OPEN, function("s = socket.socket()", "s.send(b)"), function("s = socket.socket()", "return s")),
    "pool": (
        OPEN,
        function("p = ThreadPoolExecutor()", "p.submit(a)"),
        function("p = ThreadPoolExecutor()", "p.shutdown()"),
    ),
    "task": ("task-dropped", function("asyncio.create_task(a())"), function("t = asyncio.create_task(a())", "await t")),
    "repository": (Q, loop("self.user_repo.get_by_key(x)"), loop("pass", before="self.user_repo.get_by_keys(xs)")),
    "store": (Q, loop("store.load_row(x)"), loop("config.load_row(x)")),
    "made cursor": (
        Q,
        loop('k.execute("select ?", (x,))', before="k = conn.cursor()"),
        loop('k.execute("select ?", (x,))', before="k = plan()"),
    ),
    "annotated session": (
        Q,
        "def work(xs, k: Session):\n    for x in xs:\n        use(k.scalar(pick(x)))\n",
        "def work(xs, k: Plan):\n    for x in xs:\n        use(k.scalar(pick(x)))\n",
    ),
    "client": (
        R,
        loop("k.get(x)", before="k = requests.Session()") + "    k.close()\n",
        loop("k.get(x)", before="k = dict(ys)"),
    ),
    "save": (Q, loop("x.save()", "for x in ys.all():"), loop("x.save()", "for x in forms:")),
    "save by name": (
        Q,
        loop("x.save()", before="xs = Row.objects.filter(a=1)"),
        loop("x.a = 1", before="xs = Row.objects.filter(a=1)"),
    ),
    "empties": (
        FRONT,
        loop("use(k.pop(0))", "while k:", before="k = list(xs)"),
        loop("use(k.pop())", "while k:", before="k = list(xs)"),
    ),
    "walk": (
        FRONT,
        loop("k.extend(k.pop(0))", "while k:", before="k = [xs]"),
        loop("k.extend(k.popleft())", "while k:", before="k = deque([xs])"),
    ),
    "arguments": (
        FRONT,
        loop("use(todo.pop(0))", "while todo:", before="todo = list(xs)"),
        loop("use(args.pop(0))", "while args:", before="args = list(xs)"),
    ),
    "sorted again": (
        "sort-in-loop",
        loop("k.append(x); use(sorted(k))", before="k = []"),
        loop("k.append(x)", before="k = []", after="use(sorted(k))"),
    ),
    "sort again": (
        "sort-in-loop",
        loop("k.append(x); k.sort()", before="k = list(ys)"),
        loop("k = list(x); k.append(1); k.sort()"),
    ),
    "json": (SAME, loop("use(x, json.loads(ys))"), loop("use(json.loads(x))")),
    "frame append": (COPY, loop("k = k.append(x)", before="k = None"), loop("k.append(x)", before="k = []")),
    "parameter": (
        SCAN,
        "def work(xs, ys: list[str]):\n    for x in xs:\n        use(x in ys)\n",
        "def work(xs, ys: set[str]):\n    for x in xs:\n        use(x in ys)\n",
    ),
    "connection": (
        OPEN,
        function("s = socket.create_connection(a)", "s.sendall(b)", "return s.recv(9)"),
        function("s = socket.create_connection(a)", "with s:", "    return s.recv(9)"),
    ),
    "early return": (
        OPEN,
        function("s = open(a)", "if b:", "    return None", "s.close()"),
        function("s = open(a)", "if not s:", "    return None", "s.close()"),
    ),
    "finally": (
        OPEN,
        function("s = open(a)", "if b:", "    return 1", "s.close()"),
        function("s = open(a)", "try:", "    if b:", "        return 1", "finally:", "    s.close()"),
    ),
    "unread task": (
        "task-dropped",
        function("t = asyncio.create_task(a())", "await b", head=ASYNC),
        function("t = asyncio.create_task(a())", "await b", "await t", head=ASYNC),
    ),
    "module cache": (
        "growing-cache",
        "K = {}\n\ndef f(key, load):\n    if key not in K:\n        K[key] = load(key)\n    return K[key]\n",
        "K = {}\n\ndef f(key, load):\n    if key not in K:\n        K.clear()\n        K[key] = load(key)\n",
    ),
    "registry": (
        "growing-cache",
        "K = dict()\n\ndef f(key):\n    found = K.get(key)\n    if not found:\n        K[key] = found = load(key)\n",
        "K = dict()\n\ndef f(key, made):\n    if key in K:\n        raise ValueError\n    K[key] = made\n",
    ),
    "class keys": (
        "growing-cache",
        "K = {}\n\ndef f(key):\n    try:\n        return K[key]\n    except KeyError:\n        K[key] = load(key)\n",
        "K = {}\n\ndef f(cls):\n    try:\n        return K[cls]\n    except KeyError:\n        K[cls] = load(cls)\n",
    ),
    "cache": (
        "cached-method",
        "class A:\n    @cache\n    def f(self): ...\n",
        "class A:\n    @lru_cache(maxsize=9)\n    def f(self): ...\n",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_fault_is_found_and_its_repaired_twin_is_silent(name: str) -> None:
    rule, bad, good = PAIRS[name]
    assert rules(review(bad)) == [rule]
    assert rules(review(good)) == []


def test_a_fault_that_stood_there_before_is_not_reported_again() -> None:
    bad = loop("u = User.objects.get(pk=x)")
    assert rules(review("import a\n\n\n" + bad, bad)) == []


def test_a_call_that_a_new_loop_surrounds_is_new() -> None:
    before = "def work(x):\n    if x:\n        u = User.objects.get(pk=x)\n"
    after = before.replace("if x:", "for x in xs:")
    assert rules(review(after, before)) == ["query-in-loop"]


def test_a_helper_in_another_module_is_followed_one_hop() -> None:
    text = "from .store import one\n" + loop("one(x)")
    asking = {"app/store.py": "def one(k):\n    return User.objects.get(pk=k)\n"}
    assert rules(review(text, others=asking)) == ["query-in-loop"]
    assert rules(review(text, others={"app/store.py": "def one(k):\n    return k\n"})) == []


@pytest.mark.parametrize("path", ["app/migrations/0001.py", "scripts/fill.py", "app/management/commands/load.py"])
def test_migrations_scripts_and_commands_are_not_reviewed(path: str) -> None:
    assert review(loop("u = User.objects.get(pk=x)"), path=path).status is Status.SKIPPED


def test_a_file_that_cannot_be_parsed_degrades_the_report() -> None:
    report = review("def broken(:\n")
    assert report.status is Status.DEGRADED
    assert "could not be parsed" in report.reason


QUIET = {
    "another method of the row": loop("x.check()", "for x in ys.all():"),
    "a save with arguments, as an image's": loop("x.save(p)", "for x in ys.all():"),
    "one other object saved": loop("form.save(); use(x)", "for x in ys.all():"),
    "a list of each step": loop("k = list(x); k.append(1); k.sort()"),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_only_looks_like_a_fault_is_silent(name: str) -> None:
    assert rules(review(QUIET[name])) == []


def test_a_list_that_does_not_grow_in_the_loop_is_repeated_work_and_no_growing_sort() -> None:
    assert rules(review(loop("use(x, sorted(k))", before="k = list(ys)"))) == ["invariant-in-loop"]
