"""Methods that tell what they do by their name alone, whatever they are called on."""

from __future__ import annotations

from collections.abc import Mapping

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
    "tofile": "fs-write.write",
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
    "clipboard_get": "sensitive-path.secrets",
    "create_datagram_endpoint": "net.socket",
    "create_server": "net.listen",
    "create_unix_server": "net.listen",
    "load_library": "native.load",
    "read_clipboard": "sensitive-path.secrets",
    "wrap_socket": "net.socket",
    "shell_exec": "process.shell",
    "literal_exec": "dynamic-code.run",
}
# Of the methods above, the ones that hardly name anything but a method: named is enough.
BOUND_METHODS = frozenset(
    {
        *("write_text", "write_bytes", "unlink", "rmdir", "rmtree", "symlink_to", "hardlink_to"),
        *("extractall", "exec_module", "check_output", "check_call", "Popen", "popen", "urlopen"),
        *("urlretrieve", "exec_command", "create_subprocess_shell", "create_subprocess_exec"),
    }
)
# What these are given is read over the network where it is a URL.
URL_READERS = frozenset(
    {
        *("read_csv", "read_json", "read_excel", "read_parquet", "read_html", "read_table"),
        *("read_xml", "read_feather", "imread", "parse", "download", "fetch", "retrieve", "load"),
    }
)
