"""The judge of a fault run: raw topics, the database and the recorded operations, against the oracle's rules.

It shares no code with the engine. ``history`` is what a run writes down, ``collecting`` what is read when it is over,
``judging`` gives the ``Judgement``; ``python -m tests.fault.soak.checker FOLDER`` judges a kept run again.
"""
