"""The broker beside its physical floor: ``make bench``, ``python -m tests.bench --help``.

``floor`` is the least that any broker in Python must do; ``load`` makes the requests; ``stage``
starts the processes of one comparison; ``workload`` says what is asked; ``meter`` measures one run;
``compare``, ``tree`` and ``fanout`` are the three questions that can be asked.
"""
