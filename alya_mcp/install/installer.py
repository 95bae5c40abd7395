"""Installs this server into a client's configuration and takes it out, with a backup of what was there."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from alya_mcp.app.client_configs.clients import ClientApp, Launch
from alya_mcp.app.client_configs.documents import Unusable, load
from alya_mcp.install.change import FileChange, with_server, without_server
from alya_mcp.install.history import History, Record, digest
from alya_mcp.runtime.locks import LockTimeout, exclusive
from alya_mcp.runtime.private_files import private_folder, write_whole

_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a change: `backup` has the old bytes, None if there was no file."""

    file: Path
    backup: Path | None
    changed: bool


class Installer:
    """One client's file. `home` is ALYA_HOME, where backups and records are kept."""

    def __init__(self, home: Path, client: ClientApp, file: Path) -> None:
        self._home = home
        self._client = client
        self._file = file
        self._target = file.resolve()  # a link in the user's dotfiles stays one
        self._history = History(home, client, self._target)

    def adding(self, launch: Launch) -> FileChange:
        """The change that adds this server, or corrects its entry; `Unusable`."""
        return with_server(load(self._client, self._file), launch)

    def removing(self) -> FileChange:
        """The change that removes this server: back to the old bytes if nothing else changed; `Unusable`."""
        config = load(self._client, self._file)
        record = self._history.record()
        if record is None:
            return without_server(config, made_key=False, made_file=False)
        if config.data is not None and digest(config.data) == record.after:
            with suppress(OSError):
                return FileChange(config, self._history.bytes_before(record), "remove")
        return without_server(config, made_key=record.made_key, made_file=record.before is None)

    def apply(self, change: FileChange) -> Done:
        """Make a change that `adding` or `removing` proposed.

        Raises:
            Unusable: the file changed meanwhile, or it or its backup can't be written; it is left as it was.
        """
        if not change.changes:
            return Done(self._file, None, changed=False)
        try:
            private_folder(self._home)
            with exclusive(self._home / "clients.lock", wait=_WAIT_SECONDS):
                return self._apply(change)
        except LockTimeout:
            raise Unusable(self._file, "is being changed by another alya-mcp; try again") from None
        except OSError as error:
            what = f"or its backup can't be written: {error.strerror or error}"
            raise Unusable(self._file, what) from None

    def _apply(self, change: FileChange) -> Done:
        before = change.config.data
        backup = None if before is None else self._history.back_up(before)
        if load(self._client, self._file).data != before:
            raise Unusable(self._file, "was changed meanwhile by another program; run the command again")
        held = self._history.record()
        self._remember(self._record(change, backup, held))
        try:
            self._write(change.after, new=before is None)
        except BaseException:
            self._remember(held)
            raise
        if change.after is None and held is not None:
            for folder in held.made_folders:
                with suppress(OSError):  # something else stands in it now
                    Path(folder).rmdir()
        return Done(self._file, backup, changed=True)

    def _record(self, change: FileChange, backup: Path | None, held: Record | None) -> Record | None:
        """The record after the change; None when this server is out, or was put in by somebody else."""
        if change.after is None or change.kind == "remove":
            return None
        if change.kind == "insert":
            made_key = self._client.key not in change.config.values
            folders = [str(each) for each in _missing_folders(self._target.parent)]
            before = None if backup is None else backup.name
            return Record(before, digest(change.after), made_key, folders)
        if held is None:
            return None
        untouched = change.config.data is not None and digest(change.config.data) == held.after
        return replace(held, after=digest(change.after)) if untouched else held

    def _remember(self, record: Record | None) -> None:
        if record is None:
            self._history.forget()
        else:
            self._history.keep(record)

    def _write(self, data: bytes | None, *, new: bool) -> None:
        """Write the whole file with the mode it has; a new one is the user's alone, as it may hold keys."""
        if data is None:
            self._target.unlink()
        elif new:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._target, data, mode=0o600, new=True)
        else:
            with self._target.open("rb+"):  # a file that may not be written isn't replaced either
                mode = self._target.stat().st_mode & 0o7777
            write_whole(self._target, data, mode=0o600)
            self._target.chmod(mode)


def _missing_folders(folder: Path) -> list[Path]:
    missing: list[Path] = []
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    return missing
