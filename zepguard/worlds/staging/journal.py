"""What Zep saw and what it holds, where Zep is the fake one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from chaos.errors import ChaosError
from chaos.fakezep_admin import FakeZepAdmin
from zepguard.worlds.staging.config import StagingConfig
from zepguard.worlds.stored import read_stored
from zepguard.worlds.world import StoredMessage, WorldError

__all__ = ["Journal"]


class Journal:
    """The fake Zep's journal and store.

    Args:
        config: the environment.
    """

    def __init__(self, config: StagingConfig) -> None:
        self._config = config
        self._from = 0

    @property
    def there(self) -> bool:
        """Whether the environment has a fake Zep."""
        return self._config.fakezep is not None

    def begin(self) -> None:
        """Note where the journal stands; without a fake Zep, nothing. Raises WorldError."""
        if self.there:
            try:
                with self._admin("") as admin:
                    self._from = admin.journal().last
            except ChaosError as error:
                raise WorldError(str(error)) from error

    def requests(self, *, route: str, thread_id: str) -> int:
        """Requests since then that Zep has a route for; raises WorldError."""
        try:
            with self._admin("count what reached Zep") as admin:
                entries = admin.journal(self._from).entries
        except ChaosError as error:
            raise WorldError(str(error)) from error
        return sum(
            entry.route is not None  # a fault's own probes ask for a path that Zep does not have
            and (not route or entry.route == route)
            and (not thread_id or entry.thread_id == thread_id)
            for entry in entries
        )

    def keys_refused(self) -> int:
        """Requests since then that were answered 401 for their key; raises WorldError."""
        try:
            with self._admin("see a key refused") as admin:
                entries = admin.journal(self._from).entries
        except ChaosError as error:
            raise WorldError(str(error)) from error
        return sum(one.status == 401 and not one.key_ok for one in entries)

    def has(self, text: str) -> bool:
        """Whether the text is in anything stored, or noted since then; raises WorldError."""
        try:
            with self._admin("look for a text in Zep") as admin:
                held = json.dumps(dict(admin.store()), ensure_ascii=False)
                noted = repr(admin.journal(self._from).entries)
        except ChaosError as error:
            raise WorldError(str(error)) from error
        return text in held or text in noted

    def stored(self, thread_id: str) -> Sequence[StoredMessage]:
        """What it holds of a thread, oldest first; raises WorldError."""
        try:
            with self._admin("see what Zep holds") as admin:
                messages = admin.stored_messages(thread_id)
        except ChaosError as error:
            raise WorldError(str(error)) from error
        return [read_stored(message) for message in messages]

    def _admin(self, purpose: str) -> FakeZepAdmin:
        fakezep = self._config.needed(self._config.fakezep, "[fakezep]", purpose)
        return FakeZepAdmin(fakezep.admin_url, fakezep.admin_key)
