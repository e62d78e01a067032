"""For the tests of those who use the library: a sandbox of the warmup provider.

`inbox_lifecycle.testing.plugin` has the same as a pytest fixture, and is imported by nothing here, so that the sandbox
runs without pytest.
"""

from inbox_lifecycle.testing.sandbox import Sandbox, SandboxRequest, serve
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation
from inbox_lifecycle.testing.workspace import SandboxAccount, WarmupCode

__all__ = ["Failure", "Kind", "Operation", "Sandbox", "SandboxAccount", "SandboxRequest", "WarmupCode", "serve"]
