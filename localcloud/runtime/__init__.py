"""What every part of the local cloud stands on: processes, addresses, the loopback-fenced AWS client, the state directory."""

import sys
from typing import Any

# botocore looks for urllib3's PyOpenSSL, and where there is none takes the standard library's TLS, which is the same here: a
# sixth of the time that its import takes, in each of the local cloud's processes and of its commands.
_modules: dict[str, Any] = sys.modules
_modules.setdefault("urllib3.contrib.pyopenssl", None)
