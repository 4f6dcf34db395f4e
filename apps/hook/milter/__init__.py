"""The milter protocol's filter side, version 2 to 6: frames to transactions, edits to frames.

It knows SMTP and nothing of what its caller does with a message; adapter.py alone does both.
There is no standard; the protocol is what Sendmail's libmilter and Postfix do (milter(5),
https://www.postfix.org/MILTER_README.html).
"""
