"""What builds on the topics: the subscriber of verdicts, and the archive that is one."""
