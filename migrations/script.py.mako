"""${message}"""

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}

# "expand" if code that is running does not notice, or "contract"; one step a file.
PHASE = "expand"


def upgrade(schema: str | None = None) -> None:
    ${upgrades if upgrades else "pass"}


def downgrade(schema: str | None = None) -> None:
    ${downgrades if downgrades else "pass"}
