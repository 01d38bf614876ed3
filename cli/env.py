"""`matchday env`: exports that let a plain `pulumi` in the user's own shell work on the running platform."""

from __future__ import annotations

import shlex

from cli import console, local, salt


def env() -> None:
    """Print shell exports: `eval "$(matchday env)"`, then `pulumi preview -s local`, `pulumi up -s local`, …

    They point Pulumi at this clone's own state and the local provider, and AWS's tools at the emulator with test credentials.
    A plain `pulumi` wants the salt of the state's passphrase in environments/Pulumi.local.yaml: that line is put there, and a
    filter in this clone's .git keeps it out of `git status`, `git diff` and commits.
    """
    client = local.require_running()
    workspace = local.workspace(client.info.provider_port)
    file = workspace.configuration_source(local.STACK)
    if not salt.put(file, workspace.salt(local.STACK)):
        console.say(f"{file} has this clone's line `encryptionsalt` now, which belongs into no repository")
    exports = {
        **workspace.environment(),
        "AWS_ENDPOINT_URL": client.info.emulator,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": local.REGION,
    }
    for name, value in exports.items():
        console.result.print(f"export {name}={shlex.quote(value)}", markup=False)
    console.result.print("unset AWS_PROFILE AWS_SESSION_TOKEN", markup=False)
