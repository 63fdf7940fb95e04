"""The four APIs, faked: their paging, throttling, job states and errors, over the seeded demo brand."""
