"""The champions that are served: loaded, watched, and exchanged when another version is promoted."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Literal

from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import TrainingError
from lagoa.serving.scorer import Scorer
from lagoa.training.definition import model_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.context import LakeContext

log = logging.getLogger("lagoa.serving")

State = Literal["served", "behind", "failed", "no champion"]


@dataclass(frozen=True, slots=True)
class Served:
    """A model of the server.

    Attributes:
        model: its name.
        scorer: what answers; None if nothing does.
        promotion: number of the promotion that was looked at last; 0 before the first.
        champion: version of the champion; 0 if there is none.
        fault: why the champion is not loaded; empty if it is.
        tried: when loading it failed, by `time.monotonic`.
    """

    model: str
    scorer: Scorer | None = None
    promotion: int = 0
    champion: int = 0
    fault: str = ""
    tried: float = 0.0

    @property
    def state(self) -> State:
        """What is true of it: the champion answers, an earlier one does, none can, or there is none."""
        if not self.fault:
            return "served" if self.scorer else "no champion"
        return "behind" if self.scorer else "failed"


class Champions:
    """The champions of a lake's models.

    A request takes a scorer once, and is answered by it to its end. Another champion is loaded beside it, and then
    takes its place by one assignment.

    Attributes:
        loads: how often a champion of each model was `loaded`, or `failed` to be.

    Args:
        context: the lake's.
        models: names of the models; by default all that the lake defines or has trained.
        again_s: after how long a champion that could not be loaded is tried again.

    Raises:
        TrainingError: there is no such model.
        TrainingUnavailable: the records cannot be read.
    """

    def __init__(self, context: LakeContext, models: Sequence[str] = (), again_s: float = 30.0) -> None:
        self._context = context
        self._chosen = frozenset(models)
        self._again_s = again_s
        self._trained = {each.model for each in context.training.runs()}
        known = self._known()
        for name in models:
            if name not in known:
                reason = f"there is none of this name.{did_you_mean(name, known)}".rstrip(".")
                advice = f"There are: {', '.join(known) or 'none'}."
                raise TrainingError(f"The model {name[:100]!r}", reason, advice)
        self._served: dict[str, Served] = {}
        self._unreadable = ""
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None
        self.loads: Counter[tuple[str, str]] = Counter()
        self.look()

    def get(self, model: str) -> Served | None:
        """Return a model that is served; None if there is none of this name."""
        return self._served.get(model)

    def all(self) -> list[Served]:
        """Return every model that is served, by name."""
        return [self._served[name] for name in sorted(self._served)]

    @property
    def unreadable(self) -> str:
        """Why promotions, or the state of online features, could not be looked up last; empty if they could."""
        return self._unreadable

    def look(self) -> None:
        """Load what was promoted since the last look, and go on with the newest online features."""
        with self._lock:
            faults = []
            for name in sorted(self._chosen or self._known()):
                served = self._served.get(name) or Served(name)
                try:
                    served = self._looked(served)
                except Exception as error:  # noqa: BLE001 - what is served stays, whatever happens here
                    faults.append(str(error))
                self._served[name] = served
                try:
                    if served.scorer is not None:
                        served.scorer.online.refresh()
                except Exception as error:  # noqa: BLE001
                    faults.append(str(error))
            unreadable = "; ".join(dict.fromkeys(faults))
            if unreadable and unreadable != self._unreadable:
                log.warning("Promotions or online features cannot be looked up: %s", unreadable)
            self._unreadable = unreadable

    def watch(self, every_s: float) -> None:
        """Look again and again, in a thread, until `close`."""

        def run() -> None:
            while not self._stop.wait(every_s):
                self.look()

        self._thread = Thread(target=run, name="lagoa-champions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the watch."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)

    def _known(self) -> list[str]:
        return sorted(self._trained | set(model_names(self._context.settings.ml_folder)))

    def _looked(self, served: Served) -> Served:
        newest = next(iter(self._context.training.promotions(served.model)), None)
        number = newest.number if newest else 0
        failed_before = served.fault and time.monotonic() < served.tried + self._again_s
        if number == served.promotion and (not served.fault or failed_before):
            return served
        if newest is None:
            if served.promotion:  # records are only added to
                reason = "its promotions are gone"
                raise TrainingError(f"The model {served.model}", reason, "Bring the records back from a backup.")
            return Served(served.model)
        runs = self._context.training.runs(served.model)
        champion = next((each for each in runs if each.id == newest.run), None)
        if champion is None:
            reason = f"its champion, the run {newest.run}, is not in the records"
            raise TrainingError(f"The model {served.model}", reason, "Promote another version.")
        try:
            scorer = Scorer(self._context, champion)
        except Exception as error:  # noqa: BLE001 - a file of something else fails in whatever words its library has
            if str(error) != served.fault:
                log.error("%s %d cannot be loaded: %s", served.model, champion.version, error)  # noqa: TRY400
            self.loads[served.model, "failed"] += 1
            return Served(served.model, served.scorer, number, champion.version, str(error), time.monotonic())
        log.info("%s %d answers, of commit %s.", served.model, champion.version, champion.commit[:12])
        for view, cause in scorer.online.missing().items():
            log.warning("%s %d: the features of %s are missing (%s).", served.model, champion.version, view, cause)
        self.loads[served.model, "loaded"] += 1
        return Served(served.model, scorer, number, champion.version)
