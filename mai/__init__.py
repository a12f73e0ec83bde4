"""Mai: an agent that may change code because of what stands between its ideas and the branch."""

__version__ = "0.1.0"
