"""The audit log, for admins to read and for users where it concerns them."""

from gatepost.manifest import Feature, Mount

FEATURE = Feature(name="activity", routers=(Mount("router:router"),))
