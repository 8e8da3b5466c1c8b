"""Who chats in a drill, and with which token."""

from __future__ import annotations

import time

from zepguard.masking import Mask
from zepguard.worlds.staging.commands import Commands
from zepguard.worlds.staging.config import StagingConfig
from zepguard.worlds.world import WorldError

__all__ = ["People"]

_TOKEN_AGE_S_MAX = 60.0
"""A token may live for minutes only, and a drill waits longer; but two messages may have to be 0 s apart."""


class People:
    """Tokens by ``token_command``, each used for a minute.

    Args:
        config: the environment.
        commands: runs the command.
        mask: learns each token.
    """

    def __init__(self, config: StagingConfig, commands: Commands, mask: Mask) -> None:
        self._config = config
        self._commands = commands
        self._mask = mask
        self._tokens: dict[str, tuple[str, float]] = {}

    def token(self, user: str) -> str:
        """A JWT for that user; raises WorldError."""
        token, at = self._tokens.get(user, ("", 0.0))
        if not token or time.monotonic() - at > _TOKEN_AGE_S_MAX:
            at, token = time.monotonic(), self._fresh(user)
            self._tokens[user] = (token, at)
        return token

    def _fresh(self, user: str) -> str:
        template = self._config.needed(self._config.token_command, "token_command", "chat as a person")
        done = self._commands.run(template, {"user": user}, timeout_s=self._config.command_timeout_s)
        words = done.out.split()
        self._mask.learn(done.out.strip())
        if done.code or len(words) != 1:
            # What it printed may be most of a token.
            raise WorldError(
                f"token_command of {self._config.file.name} ended with {done.code} and printed {len(words)} words, "
                "where a JWT and nothing else was expected: run it by hand"
            )
        return words[0]
