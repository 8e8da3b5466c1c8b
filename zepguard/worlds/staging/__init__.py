"""The world of a deployed environment: met over its URLs, and by commands that its operators would type.

``config``     what ``staging.toml`` may say, and how it is refused
``template``   a command with placeholders
``commands``   runs one: bounded, out of reach of our Ctrl-C, its errors without secrets
``masking``    takes secrets out of whatever is shown
``people``     the tokens of those who chat
``variables``  the product's variables, and their way back
``fleet``      ``zep_mode``, the status, and a restart that is proven
``log``        the product's log lines since a scenario began
``faults``     faults through the deployment's Toxiproxy, and their way back
``journal``    what Zep saw and holds, where Zep is the fake one
``world``      ``StagingWorld``, all of it as the steps meet it
``touches``    what an act would touch, in words
``rehearsal``  ``--dry-run``: the steps against a world that only writes down what it is asked
"""

from zepguard.worlds.staging.config import StagingConfig, StagingConfigError
from zepguard.worlds.staging.rehearsal import rehearse
from zepguard.worlds.staging.world import StagingWorld

__all__ = ["StagingConfig", "StagingConfigError", "StagingWorld", "rehearse"]
