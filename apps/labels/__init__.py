"""What people send about mail, read: abuse reports, bounces, mail forwarded as attachment."""
