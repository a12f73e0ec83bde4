from __future__ import annotations

from tests.sandboxes import limits, sandbox, trial

__all__ = ["limits", "sandbox", "trial"]
