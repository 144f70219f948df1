"""Facts: what the console's pages and its API show and do, as plain data.

Each file answers one question from the spool, the journal and the rules, also while the appliance is stopped; it takes
a `House` and answers data classes, which `plain` turns into JSON. They know nothing of HTTP, pages, or who signed in.
What they answer may name patients; what they raise never does.
"""
