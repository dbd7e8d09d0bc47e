"""The relay for PostgreSQL: a child logs in with a stand-in, the relay logs in at the server.

Each declared database has a port of its own on loopback. The child shows there, by SCRAM, that it
is this run's; the relay opens a connection of its own to the declared server, logs in with the
credential, and passes the messages of the session both ways.

* The password is on neither side of the child: not in its login, not in what the server says.
* The start of a session is read strictly and written anew; after it the role's rights decide.
* A session ends with its credential, by an error of PostgreSQL's own that clients can read.
"""
