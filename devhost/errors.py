"""The one error that a person at the terminal meets: something must change before the app can run."""


class StartError(Exception):
    """The app cannot be started as it is.

    `str()` is one sentence that names what is wrong; *details* is the traceback of the app, for those who ask for it.
    """

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(" ".join(sentence.split()))
        self.details = details
