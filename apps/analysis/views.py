"""The views of `weir sql`: what the archive holds, in names and units for people who ask.

Filters on `date`, `tenant` and `received_at` reach the files through every view: a question about a
day opens that day's files alone.
"""

from typing import Final, NamedTuple

__all__ = ["LABEL_RECORDS", "VERDICT_RECORDS", "VIEWS", "View"]

VERDICT_RECORDS: Final = "verdict_records"
LABEL_RECORDS: Final = "label_records"
"""Names of the tables that the views are made of: the archive's own columns."""


class View(NamedTuple):
    """A view: what a row is, and its SQL."""

    what: str
    sql: str


_RECORDED: Final = """
SELECT
    received_at, date, tenant, direction, id, event AS ce_id, kind, revision,
    action, class, score, logit / 1e6 AS logit,
    from_domain, mail_from_domain, sender, client_net, rcpt_count, fingerprint,
    list_transform(signals, lambda s: s.name) AS signals, overrides, shadow, degraded, flags,
    list_transform(models, lambda m: m.name || '@' || m.version) AS models, policy, engine, asked,
    log_epoch, log_partition, log_offset,
    appended AS appended_at, "partition" AS verdict_partition, "offset" AS verdict_offset,
    signals AS spoken, record
FROM verdict_records
WHERE id IS NOT NULL
"""

# By date and tenant, though an id says it alone: filters on these pass through to the files. What a
# hook enforced by itself stands before what a worker said of the same message too late.
_IN_FORCE: Final = """
QUALIFY row_number() OVER (
    PARTITION BY date, tenant, id
    ORDER BY revision DESC, kind = 'fallback' DESC, appended_at, verdict_partition, verdict_offset
) = 1
"""

_LABELS: Final = """
SELECT
    appended AS appended_at, given_at, date, tenant, truth, source, reporter,
    id AS label_id, target,
    CASE WHEN starts_with(target, 'id:') THEN target[4:] END AS id,
    CASE WHEN starts_with(target, 'position:')
         THEN split_part(target, ':', 2) END AS log_epoch,
    CASE WHEN starts_with(target, 'position:')
         THEN TRY_CAST(split_part(target, ':', 3) AS INTEGER) END AS log_partition,
    CASE WHEN starts_with(target, 'position:')
         THEN TRY_CAST(split_part(target, ':', 4) AS BIGINT) END AS log_offset
FROM (
    FROM label_records
    WHERE target IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY tenant, coalesce(nullif(retracts, ''), id) ORDER BY "offset" DESC
    ) = 1
)
WHERE truth IS NOT NULL
"""

_LABELLED: Final = """
SELECT v.*, l.truth, l.source, l.appended_at AS labelled_at
FROM verdicts v JOIN labels l ON v.tenant = l.tenant AND v.id = l.id
UNION ALL
SELECT v.*, l.truth, l.source, l.appended_at AS labelled_at
FROM verdicts v JOIN labels l
ON v.tenant = l.tenant AND v.log_epoch = l.log_epoch AND v.log_partition = l.log_partition
AND v.log_offset = l.log_offset
"""

VIEWS: Final[dict[str, View]] = {
    "records": View(
        "Every verdict as it lies in the topic, earlier revisions and repetitions too; `record` "
        "is its JSON without the vector.",
        _RECORDED.replace("record\nFROM", "TRY(decode(record)) AS record\nFROM"),
    ),
    "verdicts": View(
        "One row a message: the verdict in force. `logit` in logits, `signals` by name.",
        "FROM records SELECT * EXCLUDE (spoken, record)" + _IN_FORCE,
    ),
    "signals": View(
        "One row for each signal that spoke in a verdict in force; `contribution` in logits.",
        "FROM (SELECT *, unnest(spoken) AS s FROM"
        " (FROM records SELECT * EXCLUDE (record)" + _IN_FORCE + "))"
        " SELECT received_at, date, tenant, direction, id, action, class, score, from_domain,"
        ' s.name AS signal, s."group" AS signal_group, s.contribution / 1e6 AS contribution',
    ),
    "labels": View(
        "One row for each label that stands: neither taken back nor given anew since. `id` is the "
        "message's, where the label names it so.",
        _LABELS,
    ),
    "labelled": View("Verdicts in force with the labels of their messages.", _LABELLED),
    "daily": View(
        "Messages by day, tenant, direction, action and class.",
        """
        SELECT date, tenant, direction, action, class, count(*) AS messages,
            avg(score) AS mean_score, count(*) FILTER (len(degraded) > 0) AS degraded
        FROM verdicts GROUP BY ALL
        """,
    ),
}
