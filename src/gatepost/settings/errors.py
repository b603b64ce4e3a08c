"""The error for wrong settings: it lists every mistake, each with a remedy."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One mistake: the setting as the operator named it, what is wrong, and what to do."""

    name: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name} {self.message}. {self.advice}"


class SettingsError(Exception):
    """The settings cannot be used. Its text is for the operator and never holds a value."""

    def __init__(self, problems: Sequence[SettingProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        title = "1 setting is wrong:" if count == 1 else f"{count} settings are wrong:"
        return "\n".join([title, *(f"  - {problem}" for problem in self.problems)])
