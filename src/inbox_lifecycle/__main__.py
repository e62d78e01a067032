"""`python -m inbox_lifecycle` is the command `inbox-lifecycle`."""

import sys

from inbox_lifecycle.cli import main

sys.exit(main())
