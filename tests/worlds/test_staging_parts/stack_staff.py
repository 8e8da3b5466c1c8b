"""What an environment's own staff would have at hand, for the local stack: its variables, tokens and processes.

Run as a command by the staging.toml of ``test_staging_stack.py``; it knows the stack, and zepguard does not.
"""

import json
import sys

from zepguard.stack.control import StackControl
from zepguard.stack.env_file import edit_env_file, read_env_file
from zepguard.stack.info import StackInfo
from zepguard.stack.programs import APP

if __name__ == "__main__":
    info = StackInfo.from_file(sys.argv[1])
    match sys.argv[2:]:
        case ["token", user]:
            print(info.jwt_for(user))
        case ["get", name]:
            print(read_env_file(info.env_file)[name])
        case ["set", name]:
            edit_env_file(info.env_file, {name: sys.stdin.read()})
        case ["processes"]:
            programs = StackControl(info).programs()
            print(json.dumps({name: programs[name].pid for name in APP}))
        case words:
            sys.exit(f"{words} is no such thing")
