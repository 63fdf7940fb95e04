"""The application's role: made once a server, and lent to the login that migrates."""

import contextlib

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from warehouse.errors import MissingPrivilege
from warehouse.quoting import quoted
from warehouse.server import APP_ROLE, connect

_ROLE = sql.Identifier(APP_ROLE)


def ensure_app_role(owner: URL) -> None:
    """See to it that the application's role exists, is bound by row-level security, may make the temporary tables that
    writing takes, and that the owner may take it.

    MissingPrivilege, with the SQL for an administrator, where the owner can't bring that about.
    """
    with connect(owner) as db:
        row = db.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [APP_ROLE]).fetchone()
        if row is not None and row[0]:
            raise MissingPrivilege(
                f"The role {APP_ROLE} passes by row-level security, so tenants would see each other's rows. "
                f"Let an administrator run: ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS;"
            )
        try:
            if row is None:
                _create(db)
            if not _may_take(db):
                db.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(_ROLE))
        except psycopg.errors.InsufficientPrivilege:
            login = quoted(db.info.user)
            create = f"CREATE ROLE {APP_ROLE} NOLOGIN; " if row is None else ""
            raise MissingPrivilege(
                f"The login {login} may not make the role {APP_ROLE}, or take it. "
                f"Let an administrator run: {create}GRANT {APP_ROLE} TO {login};"
            ) from None
        _ensure_temporary_tables(db)


def not_owner(owner: URL) -> MissingPrivilege:
    """The error for a login that may not make schemas and tables in its database."""
    login, database = quoted(owner.username or ""), quoted(owner.database or "")
    return MissingPrivilege(
        f"The login {login} may not make tables in the database {database}. "
        f"Let an administrator run: ALTER DATABASE {database} OWNER TO {login};"
    )


def _create(db: psycopg.Connection) -> None:
    attributes = sql.SQL("NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE")
    # a role belongs to the whole server: another database of it may be migrated at this moment
    with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        db.execute(sql.SQL("CREATE ROLE {} {}").format(_ROLE, attributes))


def _ensure_temporary_tables(db: psycopg.Connection) -> None:
    """Everybody may make them, unless the database's owner has taken that away."""
    asked = "SELECT has_database_privilege(%s, current_database(), 'TEMPORARY')"
    if db.execute(asked, [APP_ROLE]).fetchone() == (True,):
        return
    grant = sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {};").format(sql.Identifier(db.info.dbname), _ROLE)
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege):  # or a warning alone, so it is asked again
        db.execute(grant)
    if db.execute(asked, [APP_ROLE]).fetchone() != (True,):
        raise MissingPrivilege(
            f"The role {APP_ROLE} may not make temporary tables in the database {quoted(db.info.dbname)}, and the "
            f"login {quoted(db.info.user)} may not allow it. Let an administrator run: {grant.as_string(db)}"
        )


def _may_take(db: psycopg.Connection) -> bool:
    # tried rather than asked: what membership allows differs between PostgreSQL 15 and 16
    try:
        db.execute(sql.SQL("SET ROLE {}").format(_ROLE))
    except psycopg.errors.InsufficientPrivilege:
        return False
    db.execute("RESET ROLE")
    return True
