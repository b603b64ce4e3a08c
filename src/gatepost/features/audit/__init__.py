"""The audit log: security events in a chain that shows what was changed afterwards."""

from gatepost.manifest import Feature

FEATURE = Feature(
    name="audit",
    metrics="metrics:METRICS",
    tables=("models:AuditEvent", "models:AuditHead"),
    purges={"audit_events": "retention:purge"},
    chores=("sealing:run_sealer",),
)
