"""One command within one task: what `broker run` does, as parts that others build on.

* :class:`~broker.running.source.CredentialSource` hands out what a need holds now.
* :class:`~broker.running.desk.Desk` serves that to the command, on this machine alone, and
  :class:`~broker.running.desk_client.DeskClient` asks it.

Nothing here needs Redis, a policy engine or a cloud's SDK; a test holds that.
"""
