"""The history of the schema, and what brings a database to a point of it."""
