"""One request to a farm: the servers that it is sent to, one after the other, until one responds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from urlrewrite.farms.choose import Choice, ChoiceReason, FarmAtWork, NoServer, Wanted
from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.queue import Waiting
from urlrewrite.model.farms import RetryCause


class Attempts(Waiting):
    """Chooses servers for one request, and counts it at each of them exactly once. Times are monotonic seconds.

    `retries` says whether a request may be sent to another server at all; ARR never does that.
    """

    def __init__(self, farm: FarmAtWork, wanted: Wanted, *, retries: bool = True) -> None:
        self.farm = farm
        self.choice: Choice | None = None
        self.tried: list[ServerLoad] = []
        self.wanted = wanted
        self._retries = retries
        self._under_way: ServerLoad | None = None
        self._began = 0.0
        self.status = 0
        """That of the server's response, whatever the client gets; 0 before it is there."""
        self._taken = 0  # retries out of the budget
        self._found: Choice | NoServer = NoServer.ALL_FULL  # while it waits
        self._wake: Callable[[], None] | None = None
        self._is_gone: Callable[[], bool] = bool
        farm.budget.begin()
        self._ended = False

    def knows(self, address: tuple[str, int]) -> None:
        """Note that the client is known at an address by its connection: if it is a server's, that one is chosen."""
        for load in self.farm.loads:
            server = load.server
            if address in ((server.address, server.http_port), (server.address, server.https_port)):
                self.wanted = replace(self.wanted, connected=load.name)

    def next(self, now: float) -> Choice | NoServer:
        """Choose a server, and count the request there."""
        found = self.farm.choose(self.wanted, now, self.tried)
        if isinstance(found, Choice):
            self.choice = found
            self.tried.append(found.load)
            self._under_way, self._began, self.status = found.load, now, 0
            found.load.begin()
            found.load.tally.sent(now)
            self._note_affinity(found, now)
        return found

    def wait(self, wake: Callable[[], None], is_gone: Callable[[], bool] = bool) -> bool:
        """Stand in the farm's queue until a server is free: `wake` is called then. Whether there was room in the queue.

        `is_gone` says whether the client has left; then its place is another's. `waited()` ends the waiting, and has to
        be called in any case.
        """
        queue, room = self.farm.queue, self.farm.farm.connections.queue
        if len(queue) >= room:
            queue.make_room()
        if len(queue) >= room:
            return False
        self._wake, self._is_gone = wake, is_gone
        queue.enter(self)
        return True

    def waited(self) -> Choice | NoServer:
        """Leave the queue, and return what came of it; a server that was found is counted already."""
        self.farm.queue.leave(self)
        self._wake = None
        found, self._found = self._found, NoServer.ALL_FULL
        return found

    def try_again(self, now: float) -> bool:
        """Take a server if one is free, and tell who waits for it."""
        self._found = self.next(now)
        if self._found is NoServer.ALL_FULL or self._wake is None:
            return False
        self._wake()
        return True

    def gives_up(self) -> bool:
        """Say whether the client has left, and tell who waits."""
        if not self._is_gone() or self._wake is None:
            return False
        self._wake()
        return True

    def _note_affinity(self, choice: Choice, now: float) -> None:
        if choice.why is ChoiceReason.COOKIE:
            choice.load.tally.bound.add(self.wanted.client, now)
        elif choice.why is ChoiceReason.HOST_NAME:
            choice.load.tally.bound.add(self.wanted.host, now)

    def may_retry(self, cause: RetryCause, method: str, *, was_sent: bool) -> bool:
        """Say whether the request may go to another server after this one failed; takes it out of the budget.

        `was_sent` says that the server may have seen the request: then only methods that may be repeated are.
        """
        retry = self.farm.farm.retry
        if not self._retries or cause not in retry.on or len(self.tried) >= retry.attempts:
            return False
        if was_sent and method not in retry.methods:
            return False
        if not self.farm.budget.retry():
            return False
        self._taken += 1
        return True

    def responded(self, now: float, status: int) -> None:
        """Note that the head of a response is there, with its status as the server sent it."""
        self.status = status
        if self._under_way is not None:
            self._under_way.responded(now, now - self._began)
            self.farm.connected(self._under_way)

    def failed(self, now: float, cause: RetryCause, *, was_kept: bool = False) -> None:
        """Note that the server failed; nothing is wrong with one that has closed a connection which `was_kept`."""
        if self._under_way is not None and cause in (RetryCause.CONNECT, RetryCause.TLS):
            self.farm.not_connected(self._under_way, now)
        self._leave(now, 0 if was_kept and cause is RetryCause.CLOSED else None, 0, cause)

    def end(self, now: float, *, status: int, sent: int = 0) -> None:
        """Note that the request is over, however it ended; only the first call counts.

        `status` is that of the server's response; 0 where there is none, and the server is not to blame.
        """
        if not self._ended:
            self._ended = True
            self.farm.queue.leave(self)
            self._leave(now, status, sent)
            self.farm.budget.end(self._taken)

    def abandon(self, now: float) -> None:
        """Note that the client left: nothing is held against the server."""
        self.end(now, status=0)

    def _leave(self, now: float, status: int | None, sent: int, cause: RetryCause = RetryCause.CLOSED) -> None:
        if self._under_way is not None:
            self.farm.end(self._under_way, now, status=status, sent=sent, cause=cause)
            self._under_way = None
