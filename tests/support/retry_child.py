"""A process that retries one inbox and says how it ended: for killing it in the middle.

python -m tests.support.retry_child DATABASE_URL PROVIDER_URL PROVIDER_KEY INBOX_ID
"""

from __future__ import annotations

import sys

from inbox_lifecycle import Inboxes, Instantly
from tests.support.aftermath import OWNER


def main(url: str, base_url: str, api_key: str, inbox_id: str) -> None:
    """Retry it."""
    with Inboxes(url, Instantly(api_key=api_key, base_url=base_url)) as inboxes:
        sys.stdout.write(inboxes.retry_warmup(inbox_id, owner_id=OWNER).status)


if __name__ == "__main__":
    main(*sys.argv[1:])
