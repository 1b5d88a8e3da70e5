"""Chats, mail and pagers, by Apprise."""
