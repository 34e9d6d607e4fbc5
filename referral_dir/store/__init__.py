"""The store: the only truth, and the only room that writes SQL. Importing it registers every table."""

from referral_dir.store import cases, directory, jobs, people, records, rosters, threads, upkeep
from referral_dir.store.db import Base, Store, make_engine, migrate, reading, transaction

__all__ = ["Base", "Store", "cases", "directory", "jobs", "make_engine", "migrate", "people", "reading", "records",
           "rosters", "threads", "transaction", "upkeep"]
