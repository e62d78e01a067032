"""The demo's crash: a real process, killed at the one moment that hurts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from signal import SIGKILL

from inbox_lifecycle.cli.stage import PromiseBrokenError, Scene
from inbox_lifecycle.testing import Operation, SandboxRequest

#: Seconds that the process may take to come up and die.
_PATIENCE = 20.0


def kill_between_acceptance_and_commit(scene: Scene, name: str, *, actor: str, lease: float) -> int:
    """Retry somebody's inbox in a process of its own, and kill it when the provider has accepted; its exit status.

    Raises:
        PromiseBrokenError: it ended in another way.
    """
    address, started = scene.address(name), threading.Event()

    def kill(request: SandboxRequest) -> None:
        if request.operation is Operation.ENABLE and address in request.emails:
            started.wait(_PATIENCE)
            victim.kill()

    scene.sandbox.before_answer(kill)
    victim = _start(scene, scene.cast[name].id, actor, lease)
    started.set()
    try:
        _, said = victim.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        victim.kill()
        victim.communicate()
        raise PromiseBrokenError("the process asks the provider and is killed") from None
    finally:
        scene.sandbox.before_answer(None)
    if victim.returncode != -SIGKILL:
        raise PromiseBrokenError(f"the process is killed; it ended with {victim.returncode}: {said.strip()}")
    return victim.returncode


def _start(scene: Scene, inbox_id: str, actor: str, lease: float) -> subprocess.Popen[str]:
    arguments = ["retry-warmup", "--id", inbox_id, "--owner", scene.owner, "--call-budget", str(lease)]
    arguments += ["--actor", actor, "--reason", "its first enable failed"]
    if scene.schema is not None:
        arguments += ["--schema", scene.schema]
    # By the environment, as a command line is seen by everyone.
    settings = {
        "DATABASE_URL": scene.database_url,
        "INSTANTLY_API_KEY": scene.sandbox.api_key,
        "INSTANTLY_BASE_URL": scene.sandbox.base_url,
    }
    return subprocess.Popen(  # noqa: S603 - this very program, with arguments of our own
        [sys.executable, "-m", "inbox_lifecycle", *arguments],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
