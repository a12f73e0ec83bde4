"""Says which Python and which machine this is, for choosing wheels. Prints one JSON object."""

from __future__ import annotations

import json
import os
import platform
import sys

_LIBC = platform.libc_ver()

if __name__ == "__main__":
    version = ".".join(platform.python_version_tuple()[:2])
    print(  # noqa: T201 - its output is its result
        json.dumps(
            {
                "libc": list(_LIBC),
                "machine": platform.machine(),
                # The names of PEP 508's markers.
                "environment": {
                    "implementation_name": sys.implementation.name,
                    "implementation_version": platform.python_version(),
                    "os_name": os.name,
                    "platform_machine": platform.machine(),
                    "platform_release": platform.release(),
                    "platform_system": platform.system(),
                    "platform_version": platform.version(),
                    "python_full_version": platform.python_version(),
                    "platform_python_implementation": platform.python_implementation(),
                    "python_version": version,
                    "sys_platform": sys.platform,
                },
            }
        )
    )
