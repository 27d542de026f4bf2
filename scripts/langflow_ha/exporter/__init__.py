"""What flows do, as metrics: LangFlow 1.13 has metrics of its process and of its queue, none per flow.

Read from the tables that LangFlow's own trace view (`trace`, one row per finished run) and its background runs
(`job`) live in. The API has the same, but per user and flow, and each call costs LangFlow a tenth of a second of its
one processor.
"""
