"""Deletes events older than `AUDIT_RETENTION_DAYS`, so that the rest still verifies."""

import logging
from itertools import takewhile

from gatepost.features.audit import chain, repository, service
from gatepost.features.audit.inspection import Inspector
from gatepost.work import Work

log = logging.getLogger(__name__)

BATCH = 1000

_OTHER_KEY = "Rows were written under a SECRET_KEY that FORMER_SECRET_KEYS does not name."

_BEFORE_THE_FIRST = "A row stands before the first that can be there."


async def purge(work: Work) -> int:
    """Delete a batch of events older than `AUDIT_RETENTION_DAYS`; returns how many.

    Deletes in the order of the chain, and stores the last deleted row's hash in the head. Stops
    at a row that does not verify: a purge must not delete the traces of a break-in.
    """
    retention = work.runtime.settings.audit.audit_retention
    if retention is None:
        return 0
    keys, head = service.known_keys(work.runtime), await repository.lock_head(work.db)
    if head is None or keys.verifying_key_of(head) != keys.own:
        return 0
    before = work.now - retention
    rows = await repository.list_sealed(work.db, head.purged_position, head.position, BATCH)
    old = list(takewhile(lambda row: row.at < before, rows))
    inspector = Inspector(
        keys, keys.own, head.purged_position, head.purged_hash, head.rekeyed_position
    )
    findings = [finding.sentence for row in old for finding in inspector.inspect(row)]
    if inspector.of_other_key:
        findings.append(_OTHER_KEY)
    if await repository.find_up_to(work.db, head.purged_position) is not None:
        findings.append(_BEFORE_THE_FIRST)
    if findings:
        log.error("audit.kept_unverified", extra={"finding": findings[0]})
        return 0
    if not old:
        return 0
    count = await repository.delete_sealed(work.db, inspector.position)
    head.purged_position, head.purged_hash = inspector.position, str(inspector.previous)
    chain.sign_head(keys.own, head)
    return count
