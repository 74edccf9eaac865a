"""Kinds of danger that a person may be in or speak of, and where the talk about one stands."""

NONE = "none"
SELF_HARM = "self_harm"
HARM_FROM_OTHERS = "harm_from_others"
HARM_TO_OTHERS = "harm_to_others"
MEDICAL = "medical"
CHILD_AT_RISK = "child_at_risk"
OTHER_AT_RISK = "other_at_risk"

DANGERS = (SELF_HARM, HARM_FROM_OTHERS, HARM_TO_OTHERS, MEDICAL, CHILD_AT_RISK, OTHER_AT_RISK)
"""Every danger."""

KINDS = (NONE, *DANGERS)
"""What an utterance may say of danger."""

FIRST = "first"
"""Told in the newest utterance, not before."""
ONGOING = "ongoing"
"""Told before; the talk goes on about it."""
TAKEN_BACK = "taken_back"
"""Told before; the newest utterance takes it back or plays it down."""
AFTERWARDS = "afterwards"
"""Told before; by now help has come, or the danger is over."""

STAGES = (FIRST, ONGOING, TAKEN_BACK, AFTERWARDS)
"""Where the talk about a danger may stand."""

DOUBT = "doubt"
"""In place of a stage: there may be a danger, and the person is asked."""
