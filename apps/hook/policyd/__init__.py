"""Postfix's policy service: limits on what users and clients send."""
