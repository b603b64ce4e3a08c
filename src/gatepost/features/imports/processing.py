"""Makes the validator and counts the rows of a batch, for imports and dry runs alike."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from gatepost.features.imports.batches import Batch, RefusedRow
from gatepost.features.imports.conflicts import RowOutcome
from gatepost.features.imports.job import ImportJob, ImportProgress
from gatepost.features.imports.validation import RowValidator
from gatepost.runtime import Runtime


def make_validator(runtime: Runtime, job: ImportJob, now: datetime) -> RowValidator:
    """The validator of the rows of this job."""
    settings = runtime.settings
    policy = settings.passwords if job.checks_passwords else None
    return RowValidator(
        runtime.passwords,
        now,
        job.allows_admins,
        settings.registration.email_special_domains,
        policy,
    )


def add_batch(
    job: ImportJob,
    before: ImportProgress,
    batch: Batch,
    outcomes: Sequence[RowOutcome],
    refused: Sequence[RefusedRow],
) -> ImportProgress:
    """The progress after a batch, whose refused rows are written to the rejects."""
    return ImportProgress(
        row_count=batch.last,
        made=before.made + outcomes.count(RowOutcome.MADE),
        already_there=before.already_there + outcomes.count(RowOutcome.ALREADY_THERE),
        refused=dict(Counter(before.refused) + Counter(row.reason for row in refused)),
        rejects_size=job.rejects.write(before.rejects_size, [row.entry() for row in refused]),
    )
