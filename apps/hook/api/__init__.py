"""The hook over HTTP: our own API and rspamd's protocol, on one port."""
