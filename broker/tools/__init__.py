"""Tools that have a credential of their own, each as narrow as its task: for those who write them.

Nothing here imports a framework but the module that is named after it.
"""
