"""What the parts of `Settings` have in common."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsPart(BaseSettings):
    """A part of `Settings`, which has the others and checks all of them together."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", validate_default=False, alias_generator=lambda name: f"HOLDFAST_{name.upper()}"
    )
