"""Bytes under names, on a disk or an object store: atomic writes, and nothing else."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from app.store.errors import NotInStore, StoreError, Unwritable


class Files:
    """A folder of any fsspec URL. Names are relative, with forward slashes."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._fs, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as problem:
            raise StoreError(f"store {url!r} cannot be opened: {problem}; expected a folder or an fsspec URL") from None
        self._root = root.rstrip("/")

    def read(self, name: str) -> bytes:
        """Raises NotInStore where there is no such file."""
        with self._told(f"{name} cannot be read"):
            try:
                data: bytes = self._fs.cat_file(self._path(name))
            except (FileNotFoundError, NotADirectoryError):
                raise NotInStore(f"{name} is not in store {self.url}") from None
        return data

    def exists(self, name: str) -> bool:
        with self._told(f"{name} cannot be looked for"):
            return bool(self._fs.isfile(self._path(name)))

    def write(self, name: str, data: bytes) -> None:
        """All of it or nothing: temporary name, fsync and rename on a disk; a single put on object stores."""
        with self._told(f"{name} cannot be written", Unwritable):
            if isinstance(self._fs, LocalFileSystem):
                _write_atomically(Path(self._path(name)), data)
            else:
                self._fs.pipe_file(self._path(name), data)

    def remove(self, name: str) -> None:
        """What is not there counts as removed."""
        with self._told(f"{name} cannot be removed", Unwritable), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def walk(self, folder: str) -> Iterator[str]:
        """Names of the files anywhere below `folder`, sorted; none where there is no such folder."""
        with self._told(f"{folder}/ cannot be listed"):
            self._fs.invalidate_cache()
            paths = sorted(self._fs.find(self._path(folder)))
        for path in paths:
            name = path[len(self._root) + 1 :]
            if not Path(name).name.startswith("."):  # a temporary file of a writer that was killed
                yield name

    @contextlib.contextmanager
    def _told(self, what: str, kind: type[StoreError] = StoreError) -> Iterator[None]:
        """Whatever a file system complains of as one line: each has exceptions of its own (botocore's are no OSError)."""
        try:
            yield
        except StoreError:
            raise
        except Exception as problem:
            lines = str(problem).strip().splitlines() or [type(problem).__name__]
            raise kind(f"store {self.url}: {what} ({lines[0]})") from None

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _write_atomically(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself must survive a power cut
    finally:
        os.close(folder)
