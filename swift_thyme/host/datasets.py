"""The host's side of a prepared set: handles and relative picture paths become real paths when the host loads it.

`prepared_set_metas` names a loader for the folder names that `thyme prepare` writes; the host picks it by the last part
of `--dataset PATH`. Everything after loading (trainer, rollout, rewards, template) sees plain absolute
paths. A folder of such a name that is no prepared set is loaded as the host would without us. Sets made with
`--keep-paths` need none of this.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from swift.dataset import AutoPreprocessor, DatasetMeta, MessagesPreprocessor
from swift.dataset.loader import DatasetLoader

from ..data.manifest import prepared_root
from ..data.paths import resolve
from ..data.rows import Split


def prepared_set_metas() -> list[Any]:
    """What `register` tells the host: one loader for every folder name that `thyme prepare` writes."""
    return [DatasetMeta(dataset_path=split.value, loader=PreparedLoader) for split in Split]


class PreparedLoader(DatasetLoader):  # type: ignore[misc]
    """The host's loader, with the set's folder put into the rows of a prepared set."""

    def load(self, dataset_syntax: Any = None, dataset_meta: Any = None, *, use_hf: bool | None = None) -> Any:
        """See the host's `DatasetLoader.load`.

        Raises:
            DataError: the set is not finished.
        """
        root = prepared_root(Path(dataset_syntax.dataset))
        if root is not None:
            dataset_meta = replace(dataset_meta, preprocess_func=_Preprocessor(root))
        return super().load(dataset_syntax, dataset_meta, use_hf=use_hf)


class _Preprocessor(AutoPreprocessor):  # type: ignore[misc]
    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def _get_preprocessor(self, dataset: Any) -> Any:
        return _Rows(self._root)


class _Rows(MessagesPreprocessor):  # type: ignore[misc]
    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def preprocess(self, row: dict[str, Any]) -> dict[str, Any] | None:
        resolved: dict[str, Any] | None = super().preprocess(resolve(row, self._root))
        return resolved
