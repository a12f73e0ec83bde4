"""Which names can do what: dotted names, methods by their own name, and modules with one purpose."""

from __future__ import annotations

from collections.abc import Mapping

from mai.risk.aliases import SAME, SPECIAL, STRONG_RUNGS, WEAK_RUNGS


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
process.shell: os system popen popen2 popen3 popen4 startfile; subprocess getoutput getstatusoutput;
  asyncio create_subprocess_shell; commands getoutput getstatusoutput; platform popen;
  asyncio.subprocess create_subprocess_shell; anyio run_process open_process

process.start: subprocess run call check_call check_output Popen;
  os execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnlpe spawnv
  spawnve spawnvp spawnvpe posix_spawn posix_spawnp fork forkpty; pty spawn fork;
  asyncio create_subprocess_exec; asyncio.subprocess create_subprocess_exec;
  webbrowser open open_new open_new_tab get; pexpect spawn run; sh Command; plumbum local;
  _posixsubprocess fork_exec; multiprocessing.util spawnv_passfds; distutils.spawn spawn;
  _winapi CreateProcess; win32api ShellExecute WinExec; win32process CreateProcess;
  psutil Popen; trio run_process; invoke run; fabric Connection; paramiko SSHClient

process.signal: os kill killpg; signal pthread_kill pidfd_send_signal; _signal pthread_kill;
  psutil Process process_iter; os setpriority nice setsid; resource setrlimit prlimit

process.privilege: os setuid setgid seteuid setegid setreuid setregid setresuid setresgid setgroups
  initgroups chroot unshare setns

fs-write.delete: os remove unlink rmdir removedirs truncate ftruncate; shutil rmtree;
  posix remove unlink rmdir

fs-write.move: os rename renames replace copy_file_range sendfile; shutil move copy copy2 copyfile copytree
  copyfileobj copymode copystat unpack_archive; distutils.dir_util copy_tree;
  distutils.file_util copy_file move_file

fs-write.write: os mkdir makedirs mknod mkfifo write pwrite writev utime; zipfile.ZipFile() extractall extract;
  tarfile.open() extractall extract; tarfile.TarFile() extractall extract; logging FileHandler;
  logging.handlers RotatingFileHandler TimedRotatingFileHandler WatchedFileHandler; shutil make_archive;
  shelve open; dbm open; numpy save savez savetxt; sqlite3 connect; plistlib dump;
  readline write_history_file append_history_file; fileinput input FileInput

fs-write.mode: os chmod fchmod lchmod chown fchown lchown symlink link chflags umask setxattr
  removexattr; shutil chown; pathlib.Path() symlink_to hardlink_to link_to

dynamic-code.run: builtins eval exec compile; code interact InteractiveInterpreter InteractiveConsole
  compile_command; codeop compile_command; runpy run_path run_module; pdb run runeval runcall;
  cProfile run runctx; profile run runctx; timeit timeit repeat Timer; trace Trace; bdb Bdb;
  types FunctionType CodeType LambdaType; numexpr evaluate; pandas eval; 
  os execfile; site execsitecustomize; doctest testmod testfile; jinja2 Template; mako.template Template;
  builtins execfile; concurrent.interpreters create; _xxsubinterpreters run_string; _interpreters exec run_string;
  idlelib.run Executive; imp load_source

dynamic-code.load: importlib.util spec_from_file_location spec_from_loader module_from_spec;
  importlib.machinery SourceFileLoader SourcelessFileLoader ExtensionFileLoader ModuleSpec;
  sys.path insert append extend; importlib reload; imp load_source load_module load_compiled load_dynamic new_module; zipimport zipimporter;
  pkgutil get_loader find_loader; types ModuleType; pkg_resources load_entry_point;
  importlib.metadata entry_points; marshal load loads; builtins __loader__; site addsitedir;
  importlib._bootstrap _load; _imp create_dynamic exec_dynamic create_builtin; _frozen_importlib _load

reflection.hook: sys settrace setprofile addaudithook meta_path path_hooks excepthook displayhook
  unraisablehook breakpointhook set_asyncgen_hooks path_importer_cache _settraceallthreads; threading settrace
  setprofile settrace_all_threads; atexit register; os register_at_fork; gc callbacks; faulthandler register; sys.monitoring register_callback
  use_tool_id; weakref finalize; _thread start_joinable_thread

reflection.inside: sys _getframe _current_frames _getframemodulename; inspect currentframe stack getouterframes
  getinnerframes trace; gc get_objects get_referrers get_referents; types FrameType;
  inspect getclosurevars; builtins breakpoint

native.load: ctypes CDLL PyDLL WinDLL OleDLL cdll windll oledll pydll pythonapi LibraryLoader
  memmove memset string_at wstring_at CFUNCTYPE PYFUNCTYPE POINTER cast from_address py_object;
  cffi FFI; _ctypes dlopen call_function; mmap mmap; llvmlite.binding load_library_permanently;
  numpy.ctypeslib load_library; ctypes.util find_library; win32api LoadLibrary; _ctypes dlsym

env.whole: os environ environb getenvb

env.get: os getenv

env.write: os putenv unsetenv; dotenv load_dotenv

net.socket: socket socket create_connection socketpair fromfd getaddrinfo gethostbyname gethostbyname_ex
  gethostbyaddr create_server SocketType; _socket socket; asyncio open_connection open_unix_connection; ssl wrap_socket get_server_certificate
  create_default_context; websocket create_connection WebSocketApp; websockets connect; dns.resolver query resolve;
  scapy.all sr1 send sniff; multiprocessing.connection Client Listener; asyncore dispatcher; asynchat async_chat;
  telnetlib Telnet; zmq Context; redis Redis StrictRedis; pika BlockingConnection; trio open_tcp_stream;
  anyio connect_tcp; netifaces interfaces; socks socksocket

net.http: requests get post put patch delete head options request Session session api adapters; httpx get post put patch
  delete head options request stream Client AsyncClient; aiohttp ClientSession request TCPConnector;
  urllib.request urlopen urlretrieve Request build_opener install_opener URLopener FancyURLopener OpenerDirector;
  urllib urlopen urlretrieve URLopener; urllib2 urlopen Request build_opener; http.client HTTPConnection
  HTTPSConnection; httplib HTTPConnection HTTPSConnection; urllib3 PoolManager request ProxyManager
  HTTPConnectionPool HTTPSConnectionPool connection_from_url; xmlrpc.client ServerProxy Server Transport;
  ftplib FTP FTP_TLS; smtplib SMTP SMTP_SSL LMTP; imaplib IMAP4 IMAP4_SSL; poplib POP3 POP3_SSL;
  nntplib NNTP NNTP_SSL; boto3 client resource Session; botocore.session get_session; pycurl Curl;
  discord Client Webhook; slack_sdk WebClient; telegram Bot; openai OpenAI Client; anthropic Anthropic;
  google.cloud storage; azure.storage blob; git.Repo clone_from; wget download; tornado.httpclient
  AsyncHTTPClient HTTPClient; treq get post; niquests get post Session; grequests get post map;
  huggingface_hub hf_hub_download snapshot_download; torch.hub load; twilio.rest Client; selenium webdriver;
  playwright.sync_api sync_playwright; logging.handlers HTTPHandler SocketHandler DatagramHandler SMTPHandler SysLogHandler;
  pandas read_html; docker from_env DockerClient; mechanize Browser; pip main; pip._internal main

net.listen: http.server HTTPServer ThreadingHTTPServer SimpleHTTPRequestHandler BaseHTTPRequestHandler
  CGIHTTPRequestHandler test; socketserver TCPServer UDPServer ThreadingTCPServer BaseRequestHandler
  ThreadingUDPServer ForkingTCPServer UnixStreamServer StreamRequestHandler ThreadingMixIn; asyncio start_server start_unix_server; xmlrpc.server
  SimpleXMLRPCServer; wsgiref.simple_server make_server WSGIServer; flask Flask; fastapi FastAPI;
  uvicorn run; aiohttp.web Application run_app; bottle run route; websockets serve; smtpd SMTPServer;
  BaseHTTPServer HTTPServer; SocketServer TCPServer; tornado.web Application; logging.config listen;
  multiprocessing.managers BaseManager; sanic Sanic; starlette.applications Starlette; grpc server

net.unverified: ssl _create_unverified_context CERT_NONE; urllib3 disable_warnings

deserialise.pickle: pickle load loads Unpickler _Unpickler _load _loads; cPickle load loads Unpickler; _pickle load loads Unpickler;
  dill load loads; cloudpickle load loads; joblib load; shelve open Shelf DbfilenameShelf; jsonpickle decode;
  pandas read_pickle; torch load; xmlrpc.client loads; multiprocessing.reduction
  ForkingPickler; marshal load loads; keras.models load_model; copyreg pickle; copy_reg pickle

deserialise.yaml: yaml load load_all unsafe_load unsafe_load_all full_load full_load_all Loader
  UnsafeLoader FullLoader CLoader; ruamel.yaml load; ruamel.yaml YAML_unsafe

sensitive-path.secrets: keyring get_password set_password; getpass getpass; netrc netrc; browser_cookie3 chrome
  firefox load; win32crypt CryptUnprotectData; secretstorage dbus_init; pyperclip paste; pynput keyboard mouse;
  pynput.keyboard Listener; keyboard on_press hook read_event; ImageGrab grab; PIL.ImageGrab grab; mss mss;
  pyautogui screenshot; winreg OpenKey SetValueEx CreateKey QueryValueEx; _winreg OpenKey SetValueEx CreateKey;
  spwd getspnam getspall; cv2 VideoCapture; sounddevice rec

sensitive-path.system: pwd getpwall getpwnam getpwuid; grp getgrall

mark.exit: os _exit abort; sys exit; builtins exit quit; faulthandler dump_traceback_later; _thread interrupt_main
"""
)

# Methods with names that little else has: a use even where nobody knows what they are called on.
METHODS: Mapping[str, str] = {
    "write_text": "fs-write.write",
    "write_bytes": "fs-write.write",
    "unlink": "fs-write.delete",
    "rmdir": "fs-write.delete",
    "rmtree": "fs-write.delete",
    "symlink_to": "fs-write.mode",
    "hardlink_to": "fs-write.mode",
    "touch": "fs-write.write",
    "chmod": "fs-write.mode",
    "mkdir": "fs-write.write",
    "makedirs": "fs-write.write",
    "extractall": "fs-write.write",
    "to_csv": "fs-write.write",
    "to_pickle": "fs-write.write",
    "check_output": "process.start",
    "check_call": "process.start",
    "Popen": "process.start",
    "popen": "process.shell",
    "getoutput": "process.shell",
    "exec_command": "process.shell",
    "create_subprocess_shell": "process.shell",
    "create_subprocess_exec": "process.start",
    "subprocess_exec": "process.start",
    "subprocess_shell": "process.shell",
    "system": "process.shell",
    "spawnl": "process.start",
    "execve": "process.start",
    "execvp": "process.start",
    "execv": "process.start",
    "execl": "process.start",
    "execlp": "process.start",
    "fork": "process.start",
    "import_module": "dynamic-code.import",
    "exec_module": "dynamic-code.load",
    "load_module": "dynamic-code.load",
    "LoadLibrary": "native.load",
    "CDLL": "native.load",
    "urlopen": "net.http",
    "urlretrieve": "net.http",
    "sock_connect": "net.socket",
    "create_connection": "net.socket",
    "add_cookie": "net.http",
    "shell_exec": "process.shell",
    "literal_exec": "dynamic-code.run",
}
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
    "antigravity": "process.start",
}

# The last words of every name above: an attribute with another name cannot be a use by itself.
LAST_WORDS = (
    frozenset(name.rpartition(".")[2] for name in (*NAMES, *SAME, *SPECIAL))
    | frozenset(METHODS)
    | STRONG_RUNGS
    | WEAK_RUNGS
    | frozenset({"modules", "environ", "__dict__", "__call__", "__getitem__", "__getattr__"})
)
