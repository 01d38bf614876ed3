"""The `matchday` command: one thin module per subcommand, each calling one room."""

import os
import sys

# Container images and CI machines often set this. A program that reads pulumi_aws from its source starts 10 s later, each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
