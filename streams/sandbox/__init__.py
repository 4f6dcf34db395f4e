"""Attachments opened in a process of their own, which can't hang the worker or fill its memory."""
