"""The inline hook: a verdict inside the SMTP transaction, over milter, HTTP or Postfix's policy."""
