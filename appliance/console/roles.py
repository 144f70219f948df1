"""Who may do what: three roles, each of which may do all that the one before it may."""

from enum import IntEnum


class Role(IntEnum):
    """VIEWER sees, OPERATOR sends, releases and pauses, ADMIN changes rules, users and settings."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @classmethod
    def named(cls, name: str) -> "Role":
        """By its name in files and in the API. Raises ValueError."""
        for role in cls:
            if role.word == name:
                return role
        raise ValueError(name)

    @property
    def word(self) -> str:
        """Its name in files and in the API."""
        return self.name.lower()


ROLES = tuple(role.word for role in Role)
