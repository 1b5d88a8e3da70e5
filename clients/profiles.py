"""The profiles that come with the service, read once from `domain/profiles/`."""

from functools import cache
from importlib import resources

from domain.profile import Profile, parse_profile


@cache
def all_profiles() -> dict[str, Profile]:
    """Every profile by its id.

    Raises:
        ValueError: A profile is malformed; one line that names file and field.
    """
    files = sorted(resources.files("domain").joinpath("profiles").iterdir(), key=lambda file: file.name)
    loaded = [parse_profile(file.read_text("utf-8"), file.name) for file in files if file.name.endswith(".yaml")]
    return {profile.id: profile for profile in loaded}
