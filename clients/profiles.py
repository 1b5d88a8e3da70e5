"""The profiles that come with the service, read once from `domain/profiles/`: one file a version, and all stay."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from domain.profile import Profile, parse_profile


@dataclass(frozen=True, slots=True)
class Profiles:
    """Every version of every profile, oldest first."""

    versions: tuple[Profile, ...]

    @classmethod
    def of(cls, profiles: Iterable[Profile]) -> "Profiles":
        """Versions are ordered by their text: each is the day on which it was made."""
        return cls(tuple(sorted(profiles, key=lambda each: (each.id, each.version))))

    @property
    def newest(self) -> dict[str, Profile]:
        """The newest version of each profile, by id."""
        return {each.id: each for each in self.versions}

    def versions_of(self, profile_id: str) -> tuple[Profile, ...]:
        """Every version of one profile, oldest first; none where it does not exist."""
        return tuple(each for each in self.versions if each.id == profile_id)

    def resolved(self, profile_id: str, version: str) -> str:
        """*version*, or the oldest where it is empty: what a row says of its tenant."""
        versions = self.versions_of(profile_id)
        return version or (versions[0].version if versions else "")

    def held_to(self, profile_id: str, version: str) -> Profile:
        """One version; the oldest where *version* is empty, as in rows from before tenants were held to one.

        Raises:
            ValueError: There is no such profile, or not in that version. `<field>: <why>`, as an API caller is told.
        """
        found = self.versions_of(profile_id)
        if not found:
            raise ValueError(f"profile: '{profile_id}' does not exist; there is {', '.join(sorted(self.newest))}")
        for each in found:
            if version in {"", each.version}:
                return each
        there = ", ".join(each.version for each in found)
        raise ValueError(f"profile_version: '{version}' of {profile_id} does not exist; there is {there}")


@cache
def all_profiles() -> Profiles:
    """Every version that is shipped.

    Raises:
        ValueError: A profile is malformed, or its file is not named after its id and version; one line that names the
            file and the field.
    """
    files = sorted(resources.files("domain").joinpath("profiles").iterdir(), key=lambda file: file.name)
    return Profiles.of(_loaded(file.read_text("utf-8"), file.name) for file in files if file.name.endswith(".yaml"))


def _loaded(text: str, name: str) -> Profile:
    profile = parse_profile(text, name)
    if name != f"{profile.id}-{profile.version}.yaml":
        raise ValueError(f"{name}: should be named {profile.id}-{profile.version}.yaml, as its id and version")
    return profile
