"""Composes groups of settings into one object that is read, and validated, as one flat list."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self, TypeVar, cast, get_type_hints

from pydantic.fields import FieldInfo

from gatepost.settings.base import SettingsGroup

Group = TypeVar("Group", bound=SettingsGroup)


class SettingsComposition:
    """Settings in groups, which are the annotations of a subclass: `settings.tokens.issuer`.

    It is built from the groups' fields, whose names are those of the environment in lower case:
    `Settings(secret_key=...)`. They are validated together, since a default or a rule of one group
    may depend on another. Raises `SettingsError` with every mistake.
    """

    further_groups: ClassVar[tuple[type[SettingsGroup], ...]] = ()
    """Groups without an attribute, to be had by `group`; those of the features."""

    _all: SettingsGroup
    _made_model: ClassVar[type[SettingsGroup]]

    def __init__(self, /, **values: Any) -> None:  # noqa: ANN401 - of the fields' types
        self._hold(self._model().model_validate(values))

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, env_file: Path | str | None = ".env"
    ) -> Self:
        """Read all groups from the environment and a file, as `SettingsGroup.from_environment`."""
        made = cls.__new__(cls)
        made._hold(cls._model().from_environment(environ, env_file))  # noqa: SLF001 - its own
        return made

    @classmethod
    def fields(cls) -> Mapping[str, FieldInfo]:
        """The fields of all groups, by their names."""
        return cls._model().model_fields

    @classmethod
    def groups(cls) -> tuple[type[SettingsGroup], ...]:
        """The groups, in the order in which they are read and documented."""
        return (*cls._named().values(), *cls.further_groups)

    @property
    def given(self) -> frozenset[str]:
        """The names of the fields that were set, rather than left to their defaults."""
        return frozenset(self._all.model_fields_set)

    def group(self, kind: type[Group]) -> Group:
        """Return the group of this type."""
        own = kind.model_fields
        values = {name: getattr(self._all, name) for name in own}
        given = self._all.model_fields_set & own.keys()
        return cast("Group", kind.model_construct(given, **values))

    def every_group(self) -> Iterator[SettingsGroup]:
        """All groups with their values."""
        return map(self.group, self.groups())

    def secret_values(self) -> Iterator[object]:
        """The values of the fields that are secret."""
        hidden = (name for name, field in self.fields().items() if not field.repr)
        return (getattr(self._all, name) for name in hidden)

    @classmethod
    def _named(cls) -> Mapping[str, type[SettingsGroup]]:
        hints = get_type_hints(cls)
        del hints["_all"], hints["_made_model"], hints["further_groups"]
        return hints

    @classmethod
    def _model(cls) -> type[SettingsGroup]:
        """The one model of all fields, made at first use; the last base's fields come first."""
        if "_made_model" not in vars(cls):
            bases = tuple(reversed(cls.groups()))
            cls._made_model = cast("type[SettingsGroup]", type("AllSettings", bases, {}))
        return cls._made_model

    def _hold(self, values: SettingsGroup) -> None:
        hold = super().__setattr__
        hold("_all", values)
        for name, kind in self._named().items():
            hold(name, self.group(kind))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"settings are immutable, {name} too")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._all})"
