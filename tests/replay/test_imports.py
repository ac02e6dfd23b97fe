"""The replay logic stands alone: it brings no screen library, no network and no native parser into the app."""

import subprocess
import sys


def test_the_player_imports_little() -> None:
    program = (
        "import sys, hoop_tui.replay.player, hoop_tui.replay.worker, hoop_tui.replay.indexer\n"
        "print(*sorted(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert not loaded & {
        "textual",
        "rich",
        "httpx2",
        "pyghostty",
        "cffi",
        "asyncssh",
        "sqlalchemy",
        "fastapi",
    }
    ours = {name for name in loaded if name.split(".")[0] == "gateway"}
    schema = {f"gateway.api.schema{part}" for part in ("", "_frames", "_impact", "_requests", "_reviews")}
    assert ours == {"gateway", "gateway.api", *schema}
