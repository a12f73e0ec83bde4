"""Things that tests anywhere do, and that a sandbox is easily too narrow for.

This file is put into a tree as its one test module; it is not collected where it lies.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ctypes
import curses
import datetime as dt
import email.utils
import fcntl
import getpass
import gzip
import hashlib
import http.client
import http.server
import importlib
import io
import json
import locale
import logging.handlers
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import pathlib
import pickle
import platform
import pty
import pwd
import resource
import secrets
import select
import selectors
import shutil
import signal
import socket
import socketserver
import sqlite3
import ssl
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import termios
import threading
import time
import tracemalloc
import urllib.request
import uuid
import venv
import warnings
import weakref
import zipfile
import zoneinfo

import pytest


def double(number: int) -> int:
    return 2 * number


def add_to(counter: object) -> None:
    with counter.get_lock():  # type: ignore[attr-defined]
        counter.value += 1  # type: ignore[attr-defined]


# --- names and addresses


def test_the_name_localhost_resolves() -> None:
    assert socket.gethostbyname("localhost") == "127.0.0.1"


def test_the_own_host_name_resolves() -> None:
    assert socket.gethostbyname(socket.gethostname()) == "127.0.0.1"


def test_the_full_host_name_is_known() -> None:
    assert socket.getfqdn()


def test_addresses_of_localhost_are_found() -> None:
    found = {info[4][0] for info in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)}
    assert "127.0.0.1" in found


def test_an_address_has_a_name() -> None:
    assert socket.gethostbyaddr("127.0.0.1")[0] == "localhost"


def test_a_server_on_localhost_is_reached() -> None:
    with (
        socket.create_server(("localhost", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"hello")
            assert client.recv(5) == b"hello"


def test_a_server_on_all_addresses_is_reached() -> None:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()


def test_the_loopback_has_ipv6() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        socket.create_connection(server.getsockname()[:2]).close()


def test_a_server_takes_both_families() -> None:
    address = ("", 0)
    with socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True) as server:
        socket.create_connection(("127.0.0.1", server.getsockname()[1])).close()


def test_datagrams_arrive() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as one,
        socket.socket(type=socket.SOCK_DGRAM) as two,
    ):
        one.bind(("localhost", 0))
        two.sendto(b"x", one.getsockname())
        assert one.recv(1) == b"x"


def test_a_refused_port_is_refused_at_once() -> None:
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("localhost", port), timeout=5)


def test_an_unknown_host_is_an_error_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("host.invalid", 80)
    assert time.monotonic() - started < 20


def test_interfaces_are_listed() -> None:
    assert "lo" in {name for _, name in socket.if_nameindex()}


def test_sockets_of_the_unix_family(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
        server.accept()[0].close()


def test_abstract_sockets_of_the_unix_family() -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0mai")
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("\0mai")


def test_pairs_of_sockets() -> None:
    one, two = socket.socketpair()
    with one, two:
        one.sendall(b"x")
        assert two.recv(1) == b"x"


def test_socketserver() -> None:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(self.rfile.readline().upper())

    with socketserver.ThreadingTCPServer(("localhost", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with socket.create_connection(server.server_address[:2]) as client:  # type: ignore[arg-type]
            client.sendall(b"hello\n")
            assert client.makefile("rb").readline() == b"HELLO\n"
        server.shutdown()


@pytest.fixture
def web() -> object:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_http_client(web: int) -> None:
    connection = http.client.HTTPConnection("localhost", web)
    connection.request("GET", "/a")
    assert connection.getresponse().read() == b"/a"
    connection.close()


def test_urllib(web: int) -> None:
    with urllib.request.urlopen(f"http://localhost:{web}/b") as answer:
        assert answer.read() == b"/b"


# --- files


def test_a_script_in_the_temporary_folder_runs(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/sh\nexit 7\n")
    script.chmod(0o755)
    assert subprocess.run([script], check=False).returncode == 7


def test_a_python_script_with_env_runs(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "run"
    script.write_text("#!/usr/bin/env python3\nprint('hello')\n")
    script.chmod(0o755)
    assert subprocess.check_output([script], text=True) == "hello\n"


def test_temporary_files() -> None:
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
        assert pathlib.Path(file.name).exists()
        assert pathlib.Path(folder).is_dir()


def test_home_is_a_folder_of_its_own_to_write_to() -> None:
    home = pathlib.Path.home()
    assert home == pathlib.Path("~").expanduser() == pathlib.Path(os.environ["HOME"])
    (home / ".config").mkdir(exist_ok=True)
    (home / ".config/x").write_text("x")
    assert home != pathlib.Path(tempfile.gettempdir())


def test_the_tree_can_be_written_to() -> None:
    pathlib.Path("written.txt").write_text("x")
    pathlib.Path("written.txt").unlink()


def test_links(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").hardlink_to(tmp_path / "a")
    assert (tmp_path / "b").resolve() == (tmp_path / "a").resolve()
    assert (tmp_path / "c").stat().st_nlink == 2


def test_permissions_hold(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    path.chmod(0o000)
    with pytest.raises(PermissionError):
        path.read_text()
    path.chmod(0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_times_of_files_can_be_set(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a"
    path.touch()
    os.utime(path, (1, 2))
    assert path.stat().st_mtime == 2


def test_named_pipes(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "f")
    assert stat.S_ISFIFO((tmp_path / "f").stat().st_mode)


def test_locks_on_files(tmp_path: pathlib.Path) -> None:
    with (tmp_path / "l").open("w") as one, (tmp_path / "l").open("w") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(one, fcntl.LOCK_EX)


def test_mapped_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m").write_bytes(b"x" * 4096)
    with (tmp_path / "m").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0] = ord("y")
    assert (tmp_path / "m").read_bytes()[:2] == b"yx"


def test_names_of_files_in_any_script(tmp_path: pathlib.Path) -> None:
    (tmp_path / "größe-文件-😀").write_text("ü", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["größe-文件-😀"]


def test_names_of_files_that_are_no_utf_8(tmp_path: pathlib.Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff"
    os.close(os.open(name, os.O_CREAT))
    assert [path.name for path in tmp_path.iterdir()] == ["\udcff"]


def test_archives(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_text("x")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a", "a")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.write(tmp_path / "a", "a")
    assert zipfile.ZipFile(tmp_path / "a.zip").read("a") == gzip.decompress(gzip.compress(b"x"))


def test_whole_folders_are_copied_and_removed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    shutil.rmtree(tmp_path / "c")
    assert shutil.disk_usage(tmp_path).free > 0


def test_databases(tmp_path: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as database:
        assert database.execute("pragma journal_mode=wal").fetchone() == ("wal",)
        database.execute("create virtual table t using fts5(words)")
        database.execute("insert into t values ('some words')")
        assert database.execute("select count(*) from t('words')").fetchone() == (1,)


def test_rotating_logs(tmp_path: pathlib.Path) -> None:
    handler = logging.handlers.RotatingFileHandler(tmp_path / "l", maxBytes=10, backupCount=1)
    for _ in range(3):
        handler.emit(logging.LogRecord("a", 10, "p", 1, "some words", None, None))
    handler.close()
    assert (tmp_path / "l.1").exists()


# --- processes and threads


def test_threads() -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(double, range(4))) == [0, 2, 4, 6]


def test_processes_that_are_spawned() -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        assert list(pool.map(double, [1, 2])) == [2, 4]


def test_processes_that_are_forked() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(double, [1]) == [2]


def test_processes_from_a_server() -> None:
    context = multiprocessing.get_context("forkserver")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        assert list(pool.map(double, [1])) == [2]


def test_values_that_processes_share() -> None:
    context = multiprocessing.get_context("fork")
    counter = context.Value("i", 0)
    workers = [context.Process(target=add_to, args=(counter,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.value == 2


def test_semaphores_and_queues() -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with context.BoundedSemaphore(1):
        queue.put("x")
    assert queue.get(timeout=10) == "x"


def test_managers() -> None:
    with multiprocessing.Manager() as manager:
        shared = manager.dict(a=1)
        assert shared["a"] == 1


def test_shared_memory() -> None:
    block = multiprocessing.shared_memory.SharedMemory(create=True, size=1 << 20)
    assert block.buf is not None
    block.buf[0] = 1
    block.close()
    block.unlink()


def test_how_many_processors_there_are() -> None:
    assert 1 <= len(os.sched_getaffinity(0)) <= (os.cpu_count() or 0)
    assert multiprocessing.cpu_count() == os.cpu_count()


def test_a_python_of_ones_own() -> None:
    command = [sys.executable, "-c", "import sys; print(sys.version_info[:2])"]
    assert subprocess.check_output(command, text=True).strip() == str(sys.version_info[:2])


def test_python_by_its_usual_names() -> None:
    for name in ("python", "python3"):
        assert subprocess.check_output([name, "-c", "print(1)"], text=True) == "1\n"


def test_pytest_as_a_module(tmp_path: pathlib.Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tmp_path)], capture_output=True, check=False
    )
    assert answer.returncode == 0, answer.stdout


def test_a_shell_with_its_tools() -> None:
    line = "printf 'b\\na\\n' | sort | head -n 1 | tr a-z A-Z | sed s/A/ok/ | grep -c ok"
    assert subprocess.check_output(line, shell=True, text=True) == "1\n"  # noqa: S602 - ours


def test_asyncio_with_processes() -> None:
    async def talk() -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print('x')", stdout=asyncio.subprocess.PIPE
        )
        return (await process.communicate())[0]

    assert asyncio.run(talk()) == b"x\n"


def test_asyncio_with_servers(tmp_path: pathlib.Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def talk() -> bytes:
        server = await asyncio.start_unix_server(answer, tmp_path / "s")
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b"x\n")
        line = await reader.readline()
        writer.close()
        server.close()
        return line

    assert asyncio.run(talk()) == b"x\n"


def test_signals() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


def test_alarms() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: heard.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    signal.signal(signal.SIGALRM, before)
    assert heard


def test_a_child_is_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child.terminate()
    assert child.wait(10) == -signal.SIGTERM


def test_polling() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"x")
    poll = select.epoll()
    poll.register(read_end)
    assert poll.poll(1)
    poll.close()
    with selectors.DefaultSelector() as selector:
        selector.register(read_end, selectors.EVENT_READ)
        assert selector.select(1)
    os.close(read_end)
    os.close(write_end)


def test_terminals() -> None:
    controller, terminal = pty.openpty()
    assert os.isatty(terminal)
    assert termios.tcgetattr(terminal)
    os.write(terminal, b"x")
    assert os.read(controller, 1) == b"x"
    os.close(controller)
    os.close(terminal)


def test_what_the_terminal_can_do() -> None:
    curses.setupterm()
    assert curses.tigetnum("colors") >= 8


def test_limits_of_ones_own() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft >= 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- who, where and when


def test_the_user_has_a_name() -> None:
    assert getpass.getuser() == pwd.getpwuid(os.getuid()).pw_name
    assert pwd.getpwuid(os.getuid()).pw_dir == os.environ["HOME"]


def test_the_user_is_not_root() -> None:
    assert os.getuid() == os.geteuid() != 0


def test_the_machine_is_described() -> None:
    assert platform.system() == "Linux"
    assert platform.machine()
    assert platform.python_implementation()


def test_encodings_are_utf_8() -> None:
    assert locale.getpreferredencoding(do_setlocale=False).upper() == "UTF-8"
    assert sys.getfilesystemencoding() == sys.stdout.encoding.lower() == "utf-8"


def test_the_locale_can_be_set() -> None:
    before = locale.setlocale(locale.LC_ALL)
    assert locale.setlocale(locale.LC_ALL, "")
    assert locale.setlocale(locale.LC_ALL, "C.UTF-8")
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
def test_time_zones(name: str) -> None:
    moment = dt.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo(name))
    assert moment.utcoffset() is not None


def test_the_time_zone_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    assert time.localtime(0).tm_hour == 19
    monkeypatch.undo()
    time.tzset()
    assert email.utils.formatdate(0, localtime=True).startswith("Thu, 01 Jan 1970 00:00")


def test_clocks() -> None:
    assert time.monotonic() <= time.monotonic()
    assert time.time() > 1_700_000_000
    time.sleep(0.01)


def test_chance() -> None:
    assert len({secrets.token_hex(), os.urandom(8).hex(), uuid.uuid4().hex, uuid.uuid1().hex}) == 4


def test_hashes() -> None:
    assert {"sha256", "blake2b", "md5"} <= hashlib.algorithms_available
    assert hashlib.pbkdf2_hmac("sha256", b"a", b"b", 1)


def test_contexts_of_ssl() -> None:
    context = ssl.create_default_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] > 0


def test_libraries_in_c() -> None:
    assert ctypes.CDLL(None).getpid() == os.getpid()


def test_an_environment_is_made(tmp_path: pathlib.Path) -> None:
    venv.create(tmp_path / "v", with_pip=False)
    command = [str(tmp_path / "v/bin/python"), "-c", "import sys; print(sys.prefix)"]
    assert subprocess.check_output(command, text=True).strip() == str(tmp_path / "v")


def test_an_environment_can_have_pip() -> None:
    assert importlib.import_module("ensurepip").version()


def test_git(tmp_path: pathlib.Path) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.example")
        return subprocess.check_output(["git", *who, *words], cwd=tmp_path, text=True)

    git("init", "-q", "-b", "main")
    (tmp_path / "a").write_text("x")
    git("add", "a")
    git("commit", "-q", "-m", "First")
    git("clone", "-q", ".", "copy")
    assert git("log", "--format=%s") == "First\n"


def test_where_python_keeps_its_things() -> None:
    assert pathlib.Path(sysconfig.get_paths()["stdlib"]).is_dir()
    assert sysconfig.get_config_var("EXT_SUFFIX")


# --- pytest itself


def test_the_cache_of_pytest(cache: pytest.Cache) -> None:
    cache.set("mai/x", [1])
    assert cache.get("mai/x", None) == [1]
    assert cache.mkdir("mai").is_dir()


def test_the_folders_of_pytest(
    tmp_path: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert tmp_path.is_relative_to(tempfile.gettempdir())
    assert tmp_path_factory.mktemp("more").is_dir()


def test_what_is_printed_is_captured(capsys: pytest.CaptureFixture[str]) -> None:
    print("x")  # noqa: T201 - it is what is captured
    assert capsys.readouterr().out == "x\n"


def test_what_processes_print_is_captured(capfd: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["echo", "x"], check=True)
    assert capfd.readouterr().out == "x\n"


def test_what_is_logged_is_captured(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("mai").warning("x")
    assert caplog.messages == ["x"]


def test_warnings_are_recorded(recwarn: pytest.WarningsRecorder) -> None:
    warnings.warn("x", stacklevel=1)
    assert [str(warning.message) for warning in recwarn] == ["x"]


def test_values_are_patched(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("X", "1")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "made_here.py").write_text("x = 1\n")
    assert importlib.import_module("made_here").x == 1


def test_input_is_empty() -> None:
    assert sys.stdin.read() == ""
    with pytest.raises(EOFError):
        input()


def test_input_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert input() == "yes"


def test_memory_is_traced_and_let_go() -> None:
    tracemalloc.start()
    assert tracemalloc.get_traced_memory()[0] >= 0
    tracemalloc.stop()

    class Thing:
        pass

    thing = Thing()
    reference = weakref.ref(thing)
    del thing
    assert reference() is None


def test_objects_are_pickled() -> None:
    assert pickle.loads(pickle.dumps(double))(2) == 4  # noqa: S301 - ours
    assert json.loads(json.dumps({"a": None})) == {"a": None}
