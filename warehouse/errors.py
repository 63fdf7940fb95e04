"""What can go wrong with the warehouse, each with what to do about it.

WarehouseError
├── WarehouseUnavailable   no server answers, or DATABASE_URL is wrong
├── MissingPrivilege       the login of DATABASE_URL may not do what is needed
├── SchemaTooNew           the database was migrated by a newer GrowthOS
├── UnknownTenant          no such tenant
├── TenantInUse            somebody works on the tenant that is to be removed
├── UnknownCredential      the tenant has no such credential
├── UnknownImport          the tenant has no such import
├── UnknownAccount         nothing was ever asked of such an account
├── LedgerLost             a sync lost its turn to another one
├── TurnLost               a run or an import lost its turn to another one
├── InvalidSetting         a tenant's setting, key or name that cannot be
├── UnknownTable           no such table
└── UnknownColumn          no such column
"""


class WarehouseError(Exception):
    """Base of every error of the warehouse; the message tells a person what to do next."""


class WarehouseUnavailable(WarehouseError):
    """The PostgreSQL server can't be reached."""


class MissingPrivilege(WarehouseError):
    """The login lacks a privilege; the message has the SQL that an administrator has to run."""


class SchemaTooNew(WarehouseError):
    """The database's schema is newer than this code."""


class UnknownTenant(WarehouseError):
    """The tenant does not exist."""


class TenantInUse(WarehouseError):
    """The tenant can't be removed while somebody works on it."""


class UnknownCredential(WarehouseError):
    """The tenant has no such credential."""


class UnknownImport(WarehouseError):
    """The tenant has no such import."""


class UnknownAccount(WarehouseError):
    """The ledger knows no such account."""


class LedgerLost(WarehouseError):
    """A slice is no longer as the sync that pulls it has left it in the ledger."""


class TurnLost(WarehouseError):
    """Another run has begun to write the tables, or another import has landed."""


class InvalidSetting(WarehouseError):
    """A setting has a value that it can't have."""


class UnknownTable(WarehouseError):
    """The table does not exist."""


class UnknownColumn(WarehouseError):
    """The table has no such column."""
