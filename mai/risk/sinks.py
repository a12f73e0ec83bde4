"""Which names can do what: dotted names, and modules with one purpose."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from mai.risk import libraries
from mai.risk.aliases import EQUAL_TO_ALL, POWERFUL, SAME, SPECIAL, STRONG_RUNGS, WEAK_RUNGS
from mai.risk.methods import METHODS


def _table(text: str) -> dict[str, str]:
    """Read `rule: module name name …; module name …` paragraphs into dotted name → rule."""
    found: dict[str, str] = {}
    for paragraph in text.strip().split("\n\n"):
        rule, _, rest = paragraph.partition(":")
        for group in rest.split(";"):
            words = group.split()
            if words:
                module, names = words[0], words[1:]
                found.update({f"{module}.{name}": rule.strip() for name in names})
    return found


# A reference to one of these is a use, whether it is called, passed on or assigned.
NAMES: Mapping[str, str] = _table(
    """
deserialise.pickle: _pickle Unpickler load loads; cPickle Unpickler load loads; cloudpickle load
  loads; copy_reg pickle; copyreg pickle; dill load loads; joblib load; jsonpickle decode;
  keras.models load_model; marshal load; multiprocessing.reduction ForkingPickler; pandas
  read_pickle; pickle Unpickler _Unpickler _load _loads load loads; shelve DbfilenameShelf Shelf
  open; torch load; xmlrpc.client loads

deserialise.yaml: ruamel.yaml YAML_unsafe load; yaml CLoader FullLoader Loader UnsafeLoader
  full_load full_load_all load load_all unsafe_load unsafe_load_all

dynamic-code.load: _frozen_importlib _load; _imp create_builtin create_dynamic exec_dynamic;
  builtins __loader__; imp load_compiled load_dynamic load_module load_source new_module;
  importlib reload; importlib._bootstrap _load; importlib.machinery ExtensionFileLoader ModuleSpec
  SourceFileLoader SourcelessFileLoader; importlib.metadata entry_points; importlib.util
  module_from_spec spec_from_file_location spec_from_loader; pkg_resources load_entry_point;
  pkgutil find_loader get_loader; site addsitedir; sys.path append extend insert; types
  ModuleType; zipimport zipimporter

dynamic-code.run: _interpreters exec run_string; _xxsubinterpreters run_string; bdb Bdb; builtins
  compile eval exec execfile; cProfile run runctx; code InteractiveConsole InteractiveInterpreter
  compile_command interact; codeop compile_command; concurrent.interpreters create; doctest
  testfile testmod; idlelib.run Executive; jinja2 Template; mako.template Template; numexpr
  evaluate; os execfile; pandas eval; pdb run runcall runeval; profile run runctx; runpy
  run_module run_path; site execsitecustomize; timeit Timer repeat timeit; trace Trace; types
  CodeType FunctionType LambdaType

env.write: dotenv load_dotenv; os putenv unsetenv

fs-write.delete: os ftruncate remove removedirs rmdir truncate unlink; posix remove rmdir unlink;
  shutil rmtree

fs-write.mode: os chflags chmod chown fchmod fchown lchmod lchown link removexattr setxattr
  symlink umask; pathlib.Path() hardlink_to link_to symlink_to; shutil chown

fs-write.move: distutils.dir_util copy_tree; distutils.file_util copy_file move_file; os
  copy_file_range rename renames replace sendfile; shutil copy copy2 copyfile copyfileobj copymode
  copystat copytree move unpack_archive

fs-write.write: dbm open; fileinput FileInput input; logging FileHandler; logging.handlers
  RotatingFileHandler TimedRotatingFileHandler WatchedFileHandler; numpy save savetxt savez; os
  makedirs mkdir mkfifo mknod pwrite utime write writev; plistlib dump; readline
  append_history_file write_history_file; shutil make_archive; sqlite3 connect; tarfile.TarFile()
  extract extractall; tarfile.open() extract extractall; zipfile.ZipFile() extract extractall

mark.exit: _thread interrupt_main; builtins exit quit; faulthandler dump_traceback_later; os _exit
  abort; sys exit

native.load: _ctypes call_function dlopen dlsym; cffi FFI; ctypes CDLL CFUNCTYPE LibraryLoader
  OleDLL POINTER PYFUNCTYPE PyDLL WinDLL cast cdll from_address memmove memset oledll py_object
  pydll pythonapi string_at windll wstring_at; ctypes.util find_library; llvmlite.binding
  load_library_permanently; mmap mmap; numpy.ctypeslib load_library; win32api LoadLibrary

net.http: aiohttp ClientSession TCPConnector request; anthropic Anthropic; azure.storage blob;
  boto3 Session client resource; botocore.session get_session; discord Client Webhook; docker
  DockerClient from_env; ftplib FTP FTP_TLS; git.Repo clone_from; google.cloud storage; grequests
  get map post; http.client HTTPConnection HTTPSConnection; httplib HTTPConnection
  HTTPSConnection; httpx AsyncClient Client delete get head options patch post put request stream;
  huggingface_hub hf_hub_download snapshot_download; imaplib IMAP4 IMAP4_SSL; logging.handlers
  DatagramHandler HTTPHandler SMTPHandler SocketHandler SysLogHandler; mechanize Browser; niquests
  Session get post; nntplib NNTP NNTP_SSL; openai Client OpenAI; pandas read_html; pip main;
  pip._internal main; playwright.sync_api sync_playwright; poplib POP3 POP3_SSL; pycurl Curl;
  requests Session adapters api delete get head options patch post put request session; selenium
  webdriver; slack_sdk WebClient; smtplib LMTP SMTP SMTP_SSL; telegram Bot; torch.hub load;
  tornado.httpclient AsyncHTTPClient HTTPClient; treq get post; twilio.rest Client; urllib
  URLopener urlopen urlretrieve; urllib.request FancyURLopener OpenerDirector Request URLopener
  build_opener install_opener urlopen urlretrieve; urllib2 Request build_opener urlopen; urllib3
  HTTPConnectionPool HTTPSConnectionPool PoolManager ProxyManager connection_from_url request;
  wget download; xmlrpc.client Server ServerProxy Transport

net.listen: BaseHTTPServer HTTPServer; SocketServer TCPServer; aiohttp.web Application run_app;
  asyncio start_server start_unix_server; bottle route run; fastapi FastAPI; flask Flask; grpc
  server; http.server BaseHTTPRequestHandler CGIHTTPRequestHandler HTTPServer
  SimpleHTTPRequestHandler ThreadingHTTPServer test; logging.config listen;
  multiprocessing.managers BaseManager; sanic Sanic; smtpd SMTPServer; socketserver
  BaseRequestHandler ForkingTCPServer StreamRequestHandler TCPServer ThreadingMixIn
  ThreadingTCPServer ThreadingUDPServer UDPServer UnixStreamServer; starlette.applications
  Starlette; tornado.web Application; uvicorn run; websockets serve; wsgiref.simple_server
  WSGIServer make_server; xmlrpc.server SimpleXMLRPCServer

net.socket: _socket socket; anyio connect_tcp; asynchat async_chat; asyncio open_connection
  open_unix_connection; asyncore dispatcher; dns.resolver query resolve;
  multiprocessing.connection Client Listener; netifaces interfaces; pika BlockingConnection; redis
  Redis StrictRedis; scapy.all send sniff sr1; socket SocketType create_connection create_server
  fromfd getaddrinfo gethostbyaddr gethostbyname gethostbyname_ex socket socketpair; socks
  socksocket; ssl create_default_context get_server_certificate wrap_socket; telnetlib Telnet;
  trio open_tcp_stream; websocket WebSocketApp create_connection; websockets connect; zmq Context

net.unverified: ssl CERT_NONE _create_unverified_context; urllib3 disable_warnings

process.privilege: os chroot initgroups setegid seteuid setgid setgroups setns setregid setresgid
  setresuid setreuid setuid unshare

process.shell: anyio open_process run_process; asyncio create_subprocess_shell; asyncio.subprocess
  create_subprocess_shell; commands getoutput getstatusoutput; os popen popen2 popen3 popen4
  startfile system; platform popen; subprocess getoutput getstatusoutput

process.signal: _signal pthread_kill; os kill killpg nice setpriority setsid; psutil Process
  process_iter; resource prlimit setrlimit; signal pidfd_send_signal pthread_kill

process.start: _posixsubprocess fork_exec; _winapi CreateProcess; asyncio create_subprocess_exec;
  asyncio.subprocess create_subprocess_exec; distutils.spawn spawn; fabric Connection; invoke run;
  multiprocessing.util spawnv_passfds; os execl execle execlp execlpe execv execve execvp execvpe
  fork forkpty posix_spawn posix_spawnp spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp
  spawnvpe; paramiko SSHClient; pexpect run spawn; plumbum local; psutil Popen; pty fork spawn; sh
  Command; subprocess Popen call check_call check_output run; trio run_process; webbrowser get
  open open_new open_new_tab; win32api ShellExecute WinExec; win32process CreateProcess

reflection.hook: _thread start_joinable_thread; atexit register; faulthandler register; gc
  callbacks; os register_at_fork; sys _settraceallthreads addaudithook breakpointhook displayhook
  excepthook meta_path path_hooks path_importer_cache set_asyncgen_hooks setprofile settrace
  unraisablehook; sys.monitoring register_callback use_tool_id; threading setprofile settrace
  settrace_all_threads; weakref finalize

reflection.inside: builtins breakpoint; gc get_objects get_referents get_referrers; inspect
  currentframe getclosurevars getinnerframes getouterframes stack trace; sys _current_frames
  _getframe _getframemodulename; traceback StackSummary extract_stack format_stack walk_stack;
  types FrameType

sensitive-path.secrets: ImageGrab grab; PIL.ImageGrab grab; _winreg CreateKey OpenKey SetValueEx;
  browser_cookie3 chrome firefox load; cv2 VideoCapture; getpass getpass; keyboard hook on_press
  read_event; keyring get_password set_password; mss mss; netrc netrc; pyautogui screenshot;
  pynput keyboard mouse; pynput.keyboard Listener; pyperclip paste; secretstorage dbus_init;
  sounddevice rec; spwd getspall getspnam; win32crypt CryptUnprotectData; winreg CreateKey OpenKey
  QueryValueEx SetValueEx

sensitive-path.system: grp getgrall; pwd getpwall getpwnam getpwuid

fs-write.write: tempfile NamedTemporaryFile TemporaryDirectory TemporaryFile SpooledTemporaryFile
  mkdtemp mkstemp mktemp; venv create EnvBuilder; ensurepip bootstrap

process.shell: pydoc pipepager tempfilepager

process.start: test.support.script_helper assert_python_ok assert_python_failure

dynamic-code.run: distutils.core run_setup; setuptools setup; distutils.core setup; cgi test

reflection.inside: inspect getmodule

reflection.hook: codecs register; signal setitimer signal

fs-write.write: builtins.open() extract extractall; compileall compile_dir compile_file
  compile_path; lib2to3.main main; py_compile compile; xml.etree.ElementTree.ElementTree() write;
  zipapp create_archive

fs-write.write: pathlib.Path write_bytes write_text touch mkdir; pathlib.PosixPath write_bytes
  write_text; pathlib.WindowsPath write_bytes write_text

fs-write.delete: pathlib.Path unlink rmdir; pathlib.PosixPath unlink rmdir

fs-write.move: pathlib.Path rename replace; pathlib.Path() rename; pathlib.PosixPath rename

fs-write.mode: pathlib.Path chmod lchmod symlink_to hardlink_to

dynamic-code.run: cProfile.Profile() run runcall runctx; doctest DebugRunner DocTestRunner
  DocTestSuite debug debug_script debug_src run_docstring_examples script_from_examples
  testsource; pdb Pdb post_mortem set_trace; profile.Profile() run runcall runctx; rlcompleter
  Completer; runpy _run_code _run_module_code _run_module_as_main; timeit main; distutils.util
  execute; tkinter Tcl; tkinter.Tk() eval; tkinter.Tk().tk eval; _tkinter create; _testcapi
  run_in_subinterp; _testinternalcapi run_in_subinterp_with_config; _xxsubinterpreters create;
  _interpreters create

env.read: os.path expandvars; posixpath expandvars

process.start: multiprocessing Process; webbrowser BackgroundBrowser Chrome GenericBrowser
  register

process.shell: mailcap findmatch; numpy.distutils.exec_command exec_command

process.signal: signal alarm pthread_sigmask raise_signal; os abort; socket sethostname; time
  clock_settime clock_settime_ns

native.load: fcntl ioctl; os memfd_create; termios tcsetattr

process.start: os dup2

fs-write.write: syslog openlog syslog; os posix_fallocate splice

dynamic-code.run: dataclasses make_dataclass; gettext c2py; typing ForwardRef _eval_type

native.load: os add_dll_directory

process.start: multiprocessing set_executable; os login_tty

process.signal: os pidfd_open sched_setaffinity tcsetpgrp

sensitive-path.secrets: tkinter.Tk() clipboard_get

dynamic-code.run: sys remote_exec; typing get_type_hints; typing_extensions get_type_hints

dynamic-code.import: unittest.TestLoader() loadTestsFromName loadTestsFromNames

fs-write.move: pathlib.Path() copy copy_into move move_into

fs-write.write: tkinter.filedialog asksaveasfile

net.http: urllib.robotparser RobotFileParser; ensurepip _main

net.listen: pydoc browse

net.socket: nis cat match

process.start: uuid _get_command_stdout
"""
    + libraries.NAMES
)

# What has one of those as an attribute.
OWNERS = frozenset(name.rpartition(".")[0] for name in NAMES)

# Importing one of these is the use: they have one purpose.
MODULES: Mapping[str, str] = {
    "ctypes": "native.load",
    "cffi": "native.load",
    "_ctypes": "native.load",
    "pty": "process.start",
    "pexpect": "process.start",
    "sh": "process.start",
    "commands": "process.shell",
    "paramiko": "net.socket",
    "fabric": "net.socket",
    "asyncssh": "net.socket",
    "smtplib": "net.http",
    "ftplib": "net.http",
    "telnetlib": "net.socket",
    "poplib": "net.http",
    "imaplib": "net.http",
    "nntplib": "net.http",
    "xmlrpc.client": "net.http",
    "xmlrpc.server": "net.listen",
    "boto3": "net.http",
    "scapy": "net.socket",
    "scapy.all": "net.socket",
    "nmap": "net.socket",
    "shodan": "net.http",
    "websocket": "net.socket",
    "websockets": "net.socket",
    "socketserver": "net.listen",
    "http.server": "net.listen",
    "wsgiref.simple_server": "net.listen",
    "pycurl": "net.http",
    "socks": "net.socket",
    "winreg": "sensitive-path.secrets",
    "_winreg": "sensitive-path.secrets",
    "win32crypt": "sensitive-path.secrets",
    "browser_cookie3": "sensitive-path.secrets",
    "keyring": "sensitive-path.secrets",
    "pynput": "sensitive-path.secrets",
    "keyboard": "sensitive-path.secrets",
    "cPickle": "deserialise.pickle",
    "dill": "deserialise.pickle",
    "cloudpickle": "deserialise.pickle",
    "_posixsubprocess": "process.start",
    "_winapi": "process.start",
    "_imp": "dynamic-code.load",
    "_testcapi": "dynamic-code.run",
    "_interpreters": "dynamic-code.run",
    "_xxinterpchannels": "dynamic-code.run",
    "_xxsubinterpreters": "dynamic-code.run",
    "_tkinter": "dynamic-code.run",
    "rlcompleter": "dynamic-code.run",
    "runpy": "dynamic-code.run",
    "antigravity": "process.start",
    **libraries.PACKAGES,
}
# Of those, the ones that a project can itself be, whose modules then import each other.
FROM_ELSEWHERE = frozenset(MODULES) - sys.stdlib_module_names
# Modules that a bare name is taken for where nothing binds it: a hunk seldom shows its imports.
IMPLIED = frozenset(name.partition(".")[0] for name in NAMES) | POWERFUL
# Deeper than this, a name is one that a package imports from its own modules.
_LEAST_DEPTH = 2


def rule_of(name: str) -> str | None:
    """Return the rule of a dotted name; `requests.sessions.Session` is `requests.Session`."""
    rule = NAMES.get(name)
    if rule is None and name.count(".") >= _LEAST_DEPTH and "()" not in name:
        return NAMES.get(f"{name.partition('.')[0]}.{name.rpartition('.')[2]}")
    return rule


# The last words of every name above: an attribute with another name cannot be a use by itself.
LAST_WORDS = (
    frozenset(name.rpartition(".")[2] for name in (*NAMES, *SAME, *SPECIAL, *EQUAL_TO_ALL))
    | frozenset(METHODS)
    | STRONG_RUNGS
    | WEAK_RUNGS
    | frozenset({"modules", "environ", "__dict__", "__call__", "__getitem__", "__getattr__"})
)
