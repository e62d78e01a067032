"""For the tests of those who use the library: providers to test against, and the rules in sentences.

Imported by nothing here, so that neither pytest nor Hypothesis is needed: `inbox_lifecycle.testing.plugin`, the sandbox
as a pytest fixture, and `inbox_lifecycle.testing.strategies`, values for property tests.
"""

from inbox_lifecycle.testing.base import ProviderSandbox, SandboxRequest
from inbox_lifecycle.testing.given import Decided, Given, given_inbox
from inbox_lifecycle.testing.happened import Happened, follow
from inbox_lifecycle.testing.sandbox import Sandbox, serve
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation
from inbox_lifecycle.testing.smartlead import SmartleadSandbox
from inbox_lifecycle.testing.smartlead_api import SmartleadAccount
from inbox_lifecycle.testing.transport import ProviderTransport, SandboxTransport, respond
from inbox_lifecycle.testing.workspace import SandboxAccount, WarmupCode

__all__ = [
    "Decided",
    "Failure",
    "Given",
    "Happened",
    "Kind",
    "Operation",
    "ProviderSandbox",
    "ProviderTransport",
    "Sandbox",
    "SandboxAccount",
    "SandboxRequest",
    "SandboxTransport",
    "SmartleadAccount",
    "SmartleadSandbox",
    "WarmupCode",
    "follow",
    "given_inbox",
    "respond",
    "serve",
]
