"""Facts at the edge: SPF, DKIM, DMARC, ARC and blocklists, checked by ourselves within a budget."""
