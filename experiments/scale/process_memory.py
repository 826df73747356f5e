"""How much memory a process takes at its peak, as Linux tells."""

import dataclasses
import pathlib
import threading

# An allocation that is freed sooner than that is seen in the total alone, whose peak Linux keeps itself.
_SECONDS = 0.02


@dataclasses.dataclass
class Peak:
    """Peaks in MiB.

    Attributes:
      total: resident memory, files' pages included (VmHWM).
      anonymous: of it the process's own (RssAnon), which only it can free.
      file: of it pages of files it has mapped (RssFile), its programs and libraries among them.
    """

    total: float = 0.0
    anonymous: float = 0.0
    file: float = 0.0


class Watch:
    """Follows a process from its start until `stop`."""

    def __init__(self, pid: int):
        self._status = pathlib.Path(f"/proc/{pid}/status")
        self._peak = Peak()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> Peak:
        """Ends the watch; the process may have ended before."""
        self._stopped.set()
        self._thread.join()
        self._look()
        return self._peak

    def _follow(self) -> None:
        while not self._stopped.wait(_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            lines = self._status.read_text().splitlines()
        except OSError:
            return
        fields = dict(line.split(":", 1) for line in lines)
        # A process that has ended has no memory.
        if "VmHWM" in fields:
            self._peak = Peak(
                max(self._peak.total, _mib(fields["VmHWM"])),
                max(self._peak.anonymous, _mib(fields["RssAnon"])),
                max(self._peak.file, _mib(fields["RssFile"])),
            )


def _mib(kilobytes: str) -> float:
    return int(kilobytes.removesuffix("kB")) / 1024
