"""What the kit's programs on the nodes share: reading their configuration, the loop, journal and pages.

Standard library only, and nothing here knows what any of them watches or decides.
"""
