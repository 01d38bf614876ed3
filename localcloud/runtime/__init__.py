"""What every part of the local cloud stands on: processes, addresses, the loopback-fenced AWS client, the state directory."""
