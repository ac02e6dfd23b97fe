"""Notices out: what happened is said to webhooks, chats, mailboxes and syslog, and nothing can be decided there.

Central types: `herald.Herald`, which makes notices of the ledger's entries, and `messenger.Messenger`, which sends
what is queued to one receiver. How a notice is said is in a module for each kind of receiver.
"""
