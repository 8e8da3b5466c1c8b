"""The command ``python -m fakezep``."""

import json
import signal
import subprocess
import sys

import httpx
import pytest


@pytest.mark.stack
def test_the_command_prints_its_address_serves_with_its_keys_and_ends_on_sigterm() -> None:
    command = [sys.executable, "-m", "fakezep", "--port", "0", "--api-key", "K", "--admin-key", "A"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            where = json.loads(process.stdout.readline())
            assert where["admin_url"] == where["url"] + "/admin"
            keys = httpx.get(f"{where['admin_url']}/keys", headers={"X-Admin-Key": "A"}, trust_env=False)
            assert keys.json() == {"accepted": ["K"]}
            headers = {"Authorization": "Api-Key K"}
            users = httpx.get(f"{where['url']}/api/v2/users-ordered", headers=headers, trust_env=False)
            assert users.json()["total_count"] == 0
            process.send_signal(signal.SIGTERM)
            assert process.stdout.read() == ""
            assert process.wait(30) in (0, -signal.SIGTERM)
        finally:
            process.kill()
